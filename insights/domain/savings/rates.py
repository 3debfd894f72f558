"""What sums of tokens cost, in whole femto-dollars (1e-15 dollars), so that no addition rounds."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from insights.domain.usage_logs.record import FEMTO_PER_NANO
from routing.domain.pricing import PriceSchedule, PriceTier

_NANO_PER_USD = Decimal(10**9)


@dataclass(slots=True)
class Tokens:
    """Tokens of any number of requests; parts as in ``routing.domain.usage.Usage``."""

    requests: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0

    def add(self, other: "Tokens") -> None:
        self.requests += other.requests
        self.input += other.input
        self.output += other.output
        self.cached += other.cached
        self.written += other.written
        self.reasoning += other.reasoning


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of one model at one time, in nano-dollars per million tokens; those of a request in femto-dollars."""

    input: int
    output: int
    cached: int
    written: int
    reasoning: int
    request_femto_usd: int

    def cost(self, tokens: Tokens) -> int:
        """Price the tokens in femto-dollars, exactly: as ``routing.domain.pricing.cost_usd`` does before it rounds."""
        return (
            (tokens.input - tokens.cached - tokens.written) * self.input
            + tokens.cached * self.cached
            + tokens.written * self.written
            + (tokens.output - tokens.reasoning) * self.output
            + tokens.reasoning * self.reasoning
            + tokens.requests * self.request_femto_usd
        )


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rates of a schedule by the length of a request's input: each holds from ``starts`` of its place on."""

    starts: tuple[int, ...]
    steps: tuple[Rates, ...]

    def at(self, input_tokens: int) -> Rates:
        """Return the rates of a request with so much input."""
        if len(self.starts) == 1:
            return self.steps[0]
        return self.steps[bisect_right(self.starts, input_tokens) - 1]


def ladder(price: PriceSchedule) -> Ladder:
    """Return the rates of a price by length of input."""
    tiers = sorted(price.tiers, key=lambda tier: tier.from_input_tokens)
    starts = (0, *(tier.from_input_tokens for tier in tiers))
    return Ladder(starts, (_rates(price, price), *(_rates(tier, price) for tier in tiers)))


def thresholds(ladders: Iterable[Ladder]) -> tuple[int, ...]:
    """Return every length of input from which some price differs, in order."""
    return tuple(sorted({start for each in ladders for start in each.starts if start > 0}))


def _rates(rates: PriceSchedule | PriceTier, price: PriceSchedule) -> Rates:
    return Rates(
        input=_nano(rates.input_usd_per_mtok),
        output=_nano(rates.output_usd_per_mtok),
        cached=_nano(
            _first(rates.cached_input_usd_per_mtok, price.cached_input_usd_per_mtok, rates.input_usd_per_mtok)
        ),
        written=_nano(_first(rates.cache_write_usd_per_mtok, price.cache_write_usd_per_mtok, rates.input_usd_per_mtok)),
        reasoning=_nano(_first(price.reasoning_usd_per_mtok, None, rates.output_usd_per_mtok)),
        request_femto_usd=_nano(price.request_usd) * FEMTO_PER_NANO,
    )


def _first(preferred: Decimal | None, second: Decimal | None, default: Decimal) -> Decimal:
    if preferred is not None:
        return preferred
    return default if second is None else second


def _nano(usd: Decimal) -> int:
    # Price rows hold six decimals, nine for the fee of a request: both are whole nano-dollars.
    return int(usd * _NANO_PER_USD)
