"""The catalog with its dated prices, as the report compares with it."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from insights.domain.savings import model_names
from insights.domain.savings.rates import Ladder, thresholds
from routing.domain.catalog import TIERS

STANDARD, BATCH = "standard", "batch"


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """A price that holds from ``begins`` until just before ``ends``; of two at once the lower ``rank`` counts."""

    model_id: int
    service_tier: str
    ladder: Ladder
    begins: datetime
    ends: datetime | None
    rank: int = 0


@dataclass(frozen=True, slots=True)
class PricedModel:
    """A model of the catalog.

    ``is_candidate``: routing may choose it (it is routable, has a tier, and is no stand-in).
    """

    id: int
    provider: str
    name: str
    tier: str | None
    is_candidate: bool
    context_tokens: int | None = None
    max_output_tokens: int | None = None

    @property
    def full_name(self) -> str:
        return f"{self.provider}/{self.name}"

    @property
    def compared_tier(self) -> str:
        """The tier it is compared in: the highest for a model that nobody has classified, the careful guess."""
        return self.tier or TIERS[-1]


Alias = Callable[[str, str], str | None]
"""Returns what a provider's model of another name, such as a dated one, is called in the catalog; None if unknown."""


@dataclass(frozen=True)
class PriceBook:
    """Models and prices, with the moments between which no price changes ("epochs", by number)."""

    models: Sequence[PricedModel]
    moments: tuple[datetime, ...]
    ladders: Mapping[tuple[int, str], Sequence[Ladder | None]]
    alias: Alias = field(default=lambda _provider, _name: None, repr=False)

    @cached_property
    def candidates(self) -> tuple[PricedModel, ...]:
        return tuple(model for model in self.models if model.is_candidate)

    def epoch(self, at: datetime) -> int:
        """Return the number of the span of time in which no price changes that this moment lies in."""
        return bisect_right(self.moments, at)

    def ladder(self, model: PricedModel, epoch: int, service_tier: str = STANDARD) -> Ladder | None:
        """Return the model's price in that span, None where it has none then."""
        held = self.ladders.get((model.id, service_tier))
        return None if held is None else held[epoch]

    def lengths(self) -> tuple[int, ...]:
        """Return every length of input from which some price differs."""
        return thresholds(ladder for held in self.ladders.values() for ladder in held if ladder is not None)

    def named(self, name: str) -> PricedModel | None:
        """Return the model that a person means by a name, with its provider or without; a candidate first."""
        found = [model for model in self.models if name in (model.full_name, model.name)]
        return min(found, key=lambda model: not model.is_candidate) if found else None

    def find(self, provider: str, *names: str) -> PricedModel | None:
        """Return the model that a log means, by the first of these names that is in the catalog."""
        for name in names:
            for slug, spelling in model_names.readings(provider, name):
                known = self._by_name.get((slug, spelling))
                if known is None and (other := self.alias(slug, spelling)) is not None:
                    known = self._by_name.get((slug, other))
                if known is not None:
                    return known
        return None

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], PricedModel]:
        return {(model.provider, model.name): model for model in self.models}


def build(models: Iterable[PricedModel], prices: Iterable[DatedPrice], alias: Alias | None = None) -> PriceBook:
    """Put models and prices together; of several prices that hold at once, the one of the lowest rank counts."""
    prices = list(prices)
    ends = {price.ends for price in prices if price.ends is not None}
    moments = tuple(sorted({price.begins for price in prices} | ends))
    ladders: dict[tuple[int, str], list[Ladder | None]] = {}
    # The last one written counts: the weightiest, and of those of one rank the one that began last.
    for price in sorted(prices, key=lambda price: (-price.rank, price.begins)):
        held = ladders.setdefault((price.model_id, price.service_tier), [None] * (len(moments) + 1))
        first = bisect_right(moments, price.begins)
        last = len(moments) + 1 if price.ends is None else bisect_right(moments, price.ends)
        held[first:last] = [price.ladder] * (last - first)
    return PriceBook(tuple(models), moments, ladders, *(() if alias is None else (alias,)))
