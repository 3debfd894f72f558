"""How figures read in titles and suggestions."""

from decimal import Decimal

from routing.domain.pricing import from_nano_usd

_CENT = Decimal("0.01")


def usd(nano_usd: int) -> str:
    """Write money in dollars and cents."""
    sign = "-" if nano_usd < 0 else ""
    return f"{sign}${abs(from_nano_usd(nano_usd)).quantize(_CENT):,}"


def share(part: float) -> str:
    """Write a share in [0, 1] as a percentage."""
    return f"{part:.1%}"
