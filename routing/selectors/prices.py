"""Which price holds at a moment."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from routing.domain.pricing import PriceSchedule, PriceTier
from routing.models import ModelPrice

TIER_RATES = (
    "input_usd_per_mtok",
    "output_usd_per_mtok",
    "cached_input_usd_per_mtok",
    "cache_write_usd_per_mtok",
)
# What staff enter wins over the price library, and that over what ships with the product.
_PRECEDENCE = (ModelPrice.Source.STAFF, ModelPrice.Source.PRICE_LIBRARY, ModelPrice.Source.CATALOG)


def current_prices(at: datetime) -> dict[int, ModelPrice]:
    """Return the standard price of every model that has one at ``at``, by id of the model, in one query."""
    prices: dict[int, ModelPrice] = {}
    for price in prices_at(at).filter(service_tier=ModelPrice.ServiceTier.STANDARD):
        prices.setdefault(price.language_model_id, price)
    return prices


def prices_at(at: datetime) -> QuerySet[ModelPrice]:
    """Return the prices that hold at ``at``; of one model and service tier the first is the one that counts."""
    rank = Case(
        *(When(source=source, then=Value(place)) for place, source in enumerate(_PRECEDENCE)),
        output_field=IntegerField(),
    )
    return ModelPrice.objects.filter(Q(active_to__isnull=True) | Q(active_to__gt=at), active_from__lte=at).order_by(
        "language_model_id", "service_tier", rank, "-active_from"
    )


def rank(source: str) -> int:
    """Return the place of a price's source: of prices that hold at once, that of the lowest place counts."""
    return _PRECEDENCE.index(ModelPrice.Source(source))


def schedule(price: ModelPrice) -> PriceSchedule:
    """Return the rates of a price row as the domain computes with them."""
    return PriceSchedule(
        input_usd_per_mtok=price.input_usd_per_mtok,
        output_usd_per_mtok=price.output_usd_per_mtok,
        cached_input_usd_per_mtok=price.cached_input_usd_per_mtok,
        cache_write_usd_per_mtok=price.cache_write_usd_per_mtok,
        reasoning_usd_per_mtok=price.reasoning_usd_per_mtok,
        request_usd=Decimal(price.request_usd),
        tiers=tuple(_tier(values) for values in price.context_tiers),
    )


def _tier(values: dict[str, Any]) -> PriceTier:
    rates = {name: Decimal(values[name]) for name in TIER_RATES if name in values}
    return PriceTier(from_input_tokens=values["from_input_tokens"], **rates)
