"""Which providers can be asked at present, as this process sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from routing.domain.circuit_breaker import State
from routing.domain.pricing import PriceSchedule
from routing.models import LanguageModel, ModelPrice, Provider
from routing.selectors import catalog, prices
from routing.services import breakers
from routing.services.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ModelStatus:
    name: str
    tier: str | None
    is_routable: bool
    breaker: State
    price: PriceSchedule | None


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """``configured`` says that the provider may be asked: enabled, with a key where one is needed."""

    provider: str
    name: str
    kind: str
    configured: bool
    available: bool
    breaker: State
    simulated: bool
    models: tuple[ModelStatus, ...]


def overview(snapshot: Snapshot, *, at: datetime) -> list[ProviderStatus]:
    """Describe every provider of the catalog in the order they are asked, in three queries."""
    states = breakers.states()
    price_of = prices.current_prices(at)
    return [
        _provider(provider, is_configured=provider.slug in snapshot.providers, states=states, price_of=price_of)
        for provider in catalog.providers_with_models()
    ]


def combined(states: Sequence[State]) -> State:
    """Return the state of a whole provider: the best among its models, closed when none was ever asked."""
    return min(states, key=("closed", "half_open", "open").index, default="closed")


def _provider(
    row: Provider,
    *,
    is_configured: bool,
    states: Mapping[tuple[str, str], State],
    price_of: Mapping[int, ModelPrice],
) -> ProviderStatus:
    models = tuple(
        _model(model, states.get((row.slug, model.name), "closed"), price_of.get(model.id))
        for model in row.language_models.all()
    )
    breaker = combined([model.breaker for model in models])
    return ProviderStatus(
        provider=row.slug,
        name=row.name,
        kind=row.kind,
        configured=is_configured,
        available=is_configured and breaker != "open",
        breaker=breaker,
        simulated=row.kind == Provider.Kind.SIMULATED or row.is_embedded,
        models=models,
    )


def _model(row: LanguageModel, breaker: State, price: ModelPrice | None) -> ModelStatus:
    return ModelStatus(
        name=row.name,
        tier=row.tier or None,
        is_routable=row.is_routable,
        breaker=breaker,
        price=None if price is None else prices.schedule(price),
    )
