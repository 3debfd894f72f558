"""Reads the catalog with every dated price, for comparing what happened elsewhere."""

from collections.abc import Iterable

from insights.domain.savings import price_book
from insights.domain.savings.price_book import Alias, DatedPrice, PriceBook, PricedModel
from insights.domain.savings.rates import ladder
from insights.selectors.offers import stand_ins
from routing.models import LanguageModel, ModelPrice
from routing.selectors import prices


def load(alias: Alias, providers: Iterable[str] = ()) -> PriceBook:
    """Return models of all providers, with a key or without, and their prices of all times.

    Candidates are what routing may choose once its provider has a key: routable and in a tier, and no stand-in.

    Args:
        alias: Tells what a model is called in the catalog.
        providers: Slugs of those whose models are candidates; none is all.
    """
    notional, wanted = stand_ins(), set(providers)
    rows = LanguageModel.objects.filter(is_enabled=True).select_related("provider").order_by("provider__slug", "name")
    models = [
        PricedModel(
            id=row.id,
            provider=row.provider.slug,
            name=row.name,
            tier=row.tier or None,
            is_candidate=row.is_routable
            and row.tier != ""
            and row.provider.is_enabled
            and (not wanted or row.provider.slug in wanted),
            context_tokens=row.context_tokens,
            max_output_tokens=row.max_output_tokens,
        )
        for row in rows
        if row.provider.slug not in notional
    ]
    known = {model.id for model in models}
    found = (price for price in ModelPrice.objects.order_by("id") if price.language_model_id in known)
    return price_book.build(models, map(_dated, found), alias)


def _dated(row: ModelPrice) -> DatedPrice:
    return DatedPrice(
        row.language_model_id,
        row.service_tier,
        ladder(prices.schedule(row)),
        row.active_from,
        row.active_to,
        prices.rank(row.source),
    )
