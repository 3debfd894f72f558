"""Adds up groups of ledger rows. Money is in whole nano-dollars until it is read."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from operator import add, attrgetter
from typing import TypeVar

from routing.domain.pricing import NANO_USD, from_nano_usd

Labels = tuple[str | int | None, ...]
Figures = Sequence[int]
Key = TypeVar("Key", bound=Hashable)
_RATE = Decimal("0.0001")


class Dimension(Enum):
    """What traffic is told apart by: its name, and the columns whose values label a part of it.

    An outcome is the state of the row, or ``cached`` for an answer that was reused.
    """

    TOTAL = "total", ()
    API_KEY = "api_key", ("api_key_id",)
    PROVIDER = "provider", ("provider",)
    MODEL = "model", ("provider", "served_model")
    PATTERN = "pattern", ("pattern",)
    STRATEGY = "strategy", ("strategy",)
    CONFIDENCE = "confidence", ("confidence",)
    BASELINE_MODEL = "baseline_model", ("baseline_model",)
    OUTCOME = "outcome", ("outcome",)

    def __init__(self, label: str, columns: tuple[str, ...]) -> None:
        self.label = label
        self.columns = columns


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a set of requests was and cost.

    ``simulated`` are requests served by simulated or embedded models. Their money is notional and stands apart: in
    ``cost_usd``, ``baseline_cost_usd`` and ``savings_usd`` there is only what real providers charge.
    ``baseline_cost_usd`` covers the requests whose savings are known, so that a rate can be formed; ``cost_usd`` covers
    all with a known cost, also failed ones that were billed.
    """

    requests: int = 0
    succeeded: int = 0
    failed: int = 0
    fallbacks: int = 0
    cache_hits: int = 0
    unpriced_requests: int = 0
    estimated_requests: int = 0
    simulated_requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0
    baseline_cost_nano_usd: int = 0
    savings_nano_usd: int = 0
    simulated_cost_nano_usd: int = 0
    simulated_savings_nano_usd: int = 0
    latency_ms: int = 0
    timed_requests: int = 0

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(*map(add, self.figures, other.figures))

    @property
    def figures(self) -> tuple[int, ...]:
        """All figures, in the order of ``FIGURES``."""
        return _figures(self)

    @property
    def cost_usd(self) -> Decimal:
        return from_nano_usd(self.cost_nano_usd)

    @property
    def avg_cost_usd(self) -> Decimal | None:
        """Cost of one request that real providers served, to the nano-dollar; None when there was none."""
        real = self.requests - self.simulated_requests
        return (self.cost_usd / real).quantize(NANO_USD) if real else None

    @property
    def baseline_cost_usd(self) -> Decimal:
        return from_nano_usd(self.baseline_cost_nano_usd)

    @property
    def savings_usd(self) -> Decimal:
        return from_nano_usd(self.savings_nano_usd)

    @property
    def savings_rate(self) -> Decimal | None:
        """Share of the baseline's cost that was saved, at most 1 and negative for a loss; None without a baseline."""
        return _rate(self.savings_nano_usd, self.baseline_cost_nano_usd)

    @property
    def simulated_cost_usd(self) -> Decimal:
        return from_nano_usd(self.simulated_cost_nano_usd)

    @property
    def simulated_savings_usd(self) -> Decimal:
        return from_nano_usd(self.simulated_savings_nano_usd)

    @property
    def success_rate(self) -> Decimal | None:
        """Share in [0, 1] of the requests that have ended; None when none has."""
        return _rate(self.succeeded, self.succeeded + self.failed)

    @property
    def avg_latency_ms(self) -> Decimal | None:
        return (
            (Decimal(self.latency_ms) / self.timed_requests).quantize(Decimal("0.1")) if self.timed_requests else None
        )


FIGURES = tuple(field.name for field in fields(Traffic))
_figures: Callable[[Traffic], tuple[int, ...]] = attrgetter(*FIGURES)


def add_to(sums: dict[Key, Figures], key: Key, figures: Figures) -> None:
    """Add figures, in the order of ``FIGURES``, to those under a key: for the many that would be slow as objects."""
    found = sums.get(key)
    sums[key] = figures if found is None else list(map(add, found, figures))


def total(parts: Iterable[Traffic]) -> Traffic:
    """Add up traffic; that of no parts is all zeros."""
    return sum(parts, Traffic())


def largest_first(parts: Mapping[Labels, Traffic]) -> dict[Labels, Traffic]:
    """Return parts with the largest number of requests first, and by label where they are alike."""
    return dict(sorted(parts.items(), key=lambda item: (-item[1].requests, str(item[0]))))


def _rate(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(_RATE) if whole else None
