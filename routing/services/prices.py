"""Keeps models and prices in step with the price library, and records the prices that staff set."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts.services import config_version
from routing.domain.pricing import PriceSchedule
from routing.models import LanguageModel, ModelPrice, Provider
from routing.services import price_library, price_timeline
from routing.services.price_library import LibraryModel, PriceLibrary
from routing.services.price_timeline import PriceKey, PriceSegment

logger = logging.getLogger(__name__)

STANDARD = ModelPrice.ServiceTier.STANDARD
# What the price columns hold: 14 digits, 6 of them (9 for the fee of a request) behind the point.
_MAX_RATE = Decimal("99999999.999999")
_MAX_REQUEST_USD = Decimal("99999.999999999")


class InvalidPrice(ValueError):
    """A rate that cannot be stored or could not be meant."""


@dataclass(frozen=True, slots=True)
class PriceReport:
    """What a refresh wrote, and how many models of the library have no price that we can use."""

    library_version: str
    models_added: int
    models_updated: int
    prices_opened: int
    prices_ended: int
    unpriced: int

    @property
    def has_changes(self) -> bool:
        return bool(self.models_added or self.models_updated or self.prices_opened or self.prices_ended)


@transaction.atomic
def refresh_prices(*, now: datetime) -> PriceReport:
    """Load every chat model and price of the price library for the providers in the catalog.

    New models are callable by name but not classified, so ``auto`` does not choose them. A changed price ends the old
    row and opens a new one; running again with the same library writes nothing. A model the library no longer lists
    keeps its last price. Where the library has no price there is no row: unknown is not zero. Prices by staff stay.
    """
    # The lock lets one refresh at a time compare and write.
    providers = list(Provider.objects.select_for_update().order_by("id"))
    libraries = price_library.libraries()
    listed = {
        provider.id: {model.name: model for model in libraries[provider.slug].chat_models()}
        for provider in providers
        if provider.slug in libraries
    }
    added, updated = _sync_models(listed, {provider.id: provider.slug for provider in providers}, now)
    slugs = {provider.id: provider.slug for provider in providers if provider.slug in libraries}
    matched = list(_matched(listed, slugs, libraries))
    written = price_timeline.record(
        dict(_wanted(matched)),
        source=ModelPrice.Source.PRICE_LIBRARY,
        source_version=price_library.library_version(),
        now=now,
    )
    report = PriceReport(
        library_version=price_library.library_version(),
        models_added=added,
        models_updated=updated,
        prices_opened=written.opened,
        prices_ended=written.ended,
        unpriced=sum(not found.standard for _, found in matched),
    )
    if report.has_changes:
        config_version.bump()
        logger.info("Prices refreshed: %s", report)
    return report


@transaction.atomic
def set_staff_price(
    language_model: LanguageModel,
    schedule: PriceSchedule,
    *,
    now: datetime,
    note: str = "",
    service_tier: ModelPrice.ServiceTier = STANDARD,
) -> None:
    """Put a price in force from ``now`` that wins over every other until it is withdrawn; raises InvalidPrice.

    Args:
        schedule: Rates in US dollars per million tokens, at most six decimals; fee of a request at most nine.
        note: Who set it or why, kept as its provenance (at most 100 characters).
    """
    _check(schedule)
    _record_staff(language_model, service_tier, (PriceSegment(now, None, schedule),), now, note)


@transaction.atomic
def withdraw_staff_price(
    language_model: LanguageModel, *, now: datetime, service_tier: ModelPrice.ServiceTier = STANDARD
) -> None:
    """End the price that staff set, so that the price library's holds again."""
    _record_staff(language_model, service_tier, (), now, "")


def _record_staff(
    language_model: LanguageModel,
    service_tier: ModelPrice.ServiceTier,
    segments: tuple[PriceSegment, ...],
    now: datetime,
    note: str,
) -> None:
    wanted = {(language_model.id, service_tier.value): segments}
    written = price_timeline.record(wanted, source=ModelPrice.Source.STAFF, source_version=note[:100], now=now)
    if written.opened or written.ended:
        config_version.bump()


def _sync_models(listed: dict[int, dict[str, LibraryModel]], slugs: dict[int, str], now: datetime) -> tuple[int, int]:
    existing = {(model.provider_id, model.name): model for model in LanguageModel.objects.all()}
    created: list[LanguageModel] = []
    updated: list[LanguageModel] = []
    for provider_id, models in listed.items():
        for name, found in models.items():
            model = existing.get((provider_id, name))
            if model is None:
                created.append(_new_model(provider_id, slugs[provider_id], found))
            elif _takes_context_from_library(model) and model.context_tokens != found.context_tokens:
                model.context_tokens, model.updated_at = found.context_tokens, now
                updated.append(model)
    LanguageModel.objects.bulk_create(created, batch_size=price_timeline.BATCH_SIZE)
    LanguageModel.objects.bulk_update(updated, ("context_tokens", "updated_at"), batch_size=price_timeline.BATCH_SIZE)
    return len(created), len(updated)


def _takes_context_from_library(model: LanguageModel) -> bool:
    return model.source == LanguageModel.Source.PRICE_LIBRARY and not model.is_staff_edited


def _new_model(provider_id: int, slug: str, found: LibraryModel) -> LanguageModel:
    return LanguageModel(
        provider_id=provider_id,
        name=found.name,
        upstream_name=found.name,
        canonical_name=_canonical_name(slug, found.name),
        context_tokens=found.context_tokens,
        source=LanguageModel.Source.PRICE_LIBRARY,
    )


def _canonical_name(slug: str, name: str) -> str:
    """Return the name first-party providers use: OpenRouter's anthropic/claude-opus-4.5 is claude-opus-4-5."""
    if slug != "openrouter":
        return name
    vendor, _, bare = name.rpartition("/")
    return bare.replace(".", "-") if vendor == "anthropic" else bare


def _matched(
    listed: dict[int, dict[str, LibraryModel]], slugs: dict[int, str], libraries: dict[str, PriceLibrary]
) -> Iterator[tuple[LanguageModel, LibraryModel]]:
    """Pair our models with the library's; those that staff or the catalog named are also found under other names."""
    for model in LanguageModel.objects.filter(provider_id__in=slugs):
        found = listed[model.provider_id].get(model.upstream_name)
        if found is None and model.source != LanguageModel.Source.PRICE_LIBRARY:
            found = libraries[slugs[model.provider_id]].find(model.upstream_name)
        if found is not None:
            yield model, found


def _wanted(
    matched: Iterable[tuple[LanguageModel, LibraryModel]],
) -> Iterator[tuple[PriceKey, tuple[PriceSegment, ...]]]:
    for model, found in matched:
        yield (model.id, STANDARD.value), found.standard
        if found.batch:
            yield (model.id, ModelPrice.ServiceTier.BATCH.value), found.batch


def _check(schedule: PriceSchedule) -> None:
    rates = price_timeline.rates(schedule)
    request_usd = rates.pop("request_usd")
    rates.pop("context_tiers")
    for name, rate in rates.items():
        if rate is not None and not _fits(rate, _MAX_RATE, 6):
            raise InvalidPrice(f"{name} is {rate}: use 0 to {_MAX_RATE} with at most 6 decimals.")
    if not _fits(request_usd, _MAX_REQUEST_USD, 9):
        raise InvalidPrice(f"request_usd is {request_usd}: use 0 to {_MAX_REQUEST_USD} with at most 9 decimals.")


def _fits(amount: Decimal, maximum: Decimal, decimals: int) -> bool:
    return amount.is_finite() and 0 <= amount <= maximum and amount == round(amount, decimals)
