"""What tokens cost, in exact arithmetic.

Prices are US dollars per million tokens, as the providers publish them. A cost is computed in Decimal and rounded
once, half up, to a whole nano-dollar: the unit of the ledger.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from routing.domain.usage import Usage

NANO_USD = Decimal("0.000000001")
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class PriceTier:
    """Rates that replace the base rates once a request's input reaches ``from_input_tokens``.

    A rate of None keeps the base rate's rule.
    """

    from_input_tokens: int
    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    cached_input_usd_per_mtok: Decimal | None = None
    cache_write_usd_per_mtok: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PriceSchedule:
    """Rates of one model at one time.

    Cached input and cache writes without a rate of their own are billed as input, reasoning as output.
    """

    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    cached_input_usd_per_mtok: Decimal | None = None
    cache_write_usd_per_mtok: Decimal | None = None
    reasoning_usd_per_mtok: Decimal | None = None
    request_usd: Decimal = Decimal(0)
    tiers: tuple[PriceTier, ...] = ()


def cost_usd(usage: Usage, price: PriceSchedule) -> Decimal:
    """Price one exchange, rounded half up to a nano-dollar."""
    rates: PriceSchedule | PriceTier = price
    for tier in price.tiers:
        if usage.input_tokens >= tier.from_input_tokens:
            rates = tier
    input_rate = rates.input_usd_per_mtok
    output_rate = rates.output_usd_per_mtok
    cached_rate = _first(rates.cached_input_usd_per_mtok, price.cached_input_usd_per_mtok, input_rate)
    write_rate = _first(rates.cache_write_usd_per_mtok, price.cache_write_usd_per_mtok, input_rate)
    reasoning_rate = _first(price.reasoning_usd_per_mtok, None, output_rate)
    plain_input = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    plain_output = usage.output_tokens - usage.reasoning_tokens
    per_million = (
        plain_input * input_rate
        + usage.cached_input_tokens * cached_rate
        + usage.cache_write_tokens * write_rate
        + plain_output * output_rate
        + usage.reasoning_tokens * reasoning_rate
    )
    return (per_million / _MILLION + price.request_usd).quantize(NANO_USD, ROUND_HALF_UP)


def to_nano_usd(amount_usd: Decimal) -> int:
    """Convert dollars to whole nano-dollars, half up."""
    return int((amount_usd / NANO_USD).to_integral_value(ROUND_HALF_UP))


def from_nano_usd(nano_usd: int) -> Decimal:
    """Convert whole nano-dollars to dollars, exactly."""
    return nano_usd * NANO_USD


def _first(preferred: Decimal | None, second: Decimal | None, default: Decimal) -> Decimal:
    if preferred is not None:
        return preferred
    return default if second is None else second
