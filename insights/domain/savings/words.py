"""How figures of a savings report read, in the terminal and on its page."""

from decimal import Decimal

_CENT = Decimal("0.01")
_DIGITS_OF_SMALL = 3


def usd(amount: Decimal) -> str:
    """Write dollars in cents; amounts below ten cents with three digits that count: $1,234.56, $0.0421."""
    size, sign = abs(amount), "-" if amount < 0 else ""
    if size == 0 or size >= Decimal("0.1"):
        return f"{sign}${size.quantize(_CENT):,}"
    return f"{sign}${size.quantize(Decimal(1).scaleb(size.adjusted() - _DIGITS_OF_SMALL + 1)):f}"


def share(part: float) -> str:
    """Write a share as a percentage."""
    # Adding zero turns a negative one, which rounding may leave, into zero.
    return f"{round(100 * part, 1) + 0.0:.1f} %"


def number(count: int) -> str:
    """Write a count in full, with its thousands apart."""
    return f"{count:,}"


def tokens(count: int) -> str:
    """Write a count of tokens in the largest unit that leaves one digit before the point: 12.3 M."""
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return str(count)


def plural(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
