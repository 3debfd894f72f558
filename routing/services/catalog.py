"""Creates and refreshes what ships with the product: its providers and the models we have classified.

What staff have changed stays as they left it. Prices of the shipped models come from the price library
(`prices.refresh_prices`), except for the models that run beside the product, whose prices ship with them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.services import config_version
from routing.domain.pricing import PriceSchedule
from routing.models import LanguageModel, ModelPrice, Provider
from routing.services import price_timeline, shipped_providers
from routing.services.price_timeline import ALWAYS, PriceSegment

_CATALOG_PATH = Path(__file__).resolve().parent.parent / "data" / "catalog.json"
_MODEL_FIELDS = (
    "upstream_name",
    "canonical_name",
    "tier",
    "context_tokens",
    "max_output_tokens",
    "supports_tools",
    "supports_images",
    "supports_json",
    "is_routable",
    "source",
    "updated_at",
)


@dataclass(frozen=True, slots=True)
class CatalogReport:
    """How many rows a synchronization wrote."""

    providers: int
    models: int
    prices: int

    @property
    def has_changes(self) -> bool:
        return bool(self.providers or self.models or self.prices)


@transaction.atomic
def sync_catalog(*, now: datetime) -> CatalogReport:
    """Bring providers and classified models in line with what this version ships.

    Running it again changes nothing. Rows that staff have edited or added, switches and deadlines of providers, and
    prices set by staff are left alone. Tells the web processes only when something changed.
    """
    providers_written = shipped_providers.sync()
    providers = {provider.slug: provider for provider in Provider.objects.all()}
    shipped = [entry for entry in shipped_models() if entry["provider"] in providers]
    models_written = _sync_models(shipped, providers, now)
    prices_written = _sync_prices(shipped, now)
    report = CatalogReport(providers_written, models_written, prices_written)
    if report.has_changes:
        config_version.bump()
    return report


@cache
def shipped_models() -> tuple[dict[str, Any], ...]:
    """Return the entries of the shipped catalog file."""
    return tuple(json.loads(_CATALOG_PATH.read_text())["models"])


@cache
def shipped_version() -> str:
    """Return the date of the shipped catalog file."""
    return str(json.loads(_CATALOG_PATH.read_text())["version"])


def _sync_models(shipped: Iterable[dict[str, Any]], providers: dict[str, Provider], now: datetime) -> int:
    existing = {
        (model.provider.slug, model.name): model for model in LanguageModel.objects.select_related("provider").all()
    }
    created: list[LanguageModel] = []
    updated: list[LanguageModel] = []
    kept: set[tuple[str, str]] = set()
    for entry in shipped:
        key = (entry["provider"], entry["name"])
        kept.add(key)
        fields = _model_fields(entry)
        model = existing.get(key)
        if model is None:
            created.append(LanguageModel(provider=providers[entry["provider"]], name=entry["name"], **fields))
        elif _is_ours(model) and _assign(model, fields):
            updated.append(model)
    for key, model in existing.items():
        has_left = key not in kept and model.source == LanguageModel.Source.CATALOG and not model.is_staff_edited
        if has_left and _assign(model, {"is_routable": False}):
            updated.append(model)
    for model in updated:
        model.updated_at = now
    LanguageModel.objects.bulk_create(created)
    LanguageModel.objects.bulk_update(updated, _MODEL_FIELDS)
    return len(created) + len(updated)


def _model_fields(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "upstream_name": entry["name"],
        "canonical_name": entry["canonical_name"],
        "tier": entry["tier"],
        "context_tokens": entry["context_tokens"],
        "max_output_tokens": entry["max_output_tokens"],
        "supports_tools": "tools" in entry["supports"],
        "supports_images": "images" in entry["supports"],
        "supports_json": "json" in entry["supports"],
        "is_routable": True,
        "source": LanguageModel.Source.CATALOG,
    }


def _is_ours(model: LanguageModel) -> bool:
    return not model.is_staff_edited and model.source != LanguageModel.Source.STAFF


def _assign(model: LanguageModel, fields: dict[str, Any]) -> bool:
    changed = [name for name, value in fields.items() if getattr(model, name) != value]
    for name in changed:
        setattr(model, name, fields[name])
    return bool(changed)


def _sync_prices(shipped: Iterable[dict[str, Any]], now: datetime) -> int:
    priced = {(entry["provider"], entry["name"]): entry["price"] for entry in shipped if "price" in entry}
    models = LanguageModel.objects.select_related("provider").filter(provider__is_embedded=True)
    wanted = {
        (model.id, ModelPrice.ServiceTier.STANDARD.value): (PriceSegment(ALWAYS, None, _schedule(price)),)
        for model in models
        if (price := priced.get((model.provider.slug, model.name)))
    }
    written = price_timeline.record(wanted, source=ModelPrice.Source.CATALOG, source_version=shipped_version(), now=now)
    return written.opened + written.ended


def _schedule(price: dict[str, str]) -> PriceSchedule:
    return PriceSchedule(Decimal(price["input_usd_per_mtok"]), Decimal(price["output_usd_per_mtok"]))
