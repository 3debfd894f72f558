"""What the catalog says of the models that ratings are about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from learning.selectors.evidence import ModelChange
from routing.models import LanguageModel
from routing.selectors import prices

# What a run remembers of each model: the name its provider knows it by, and since when that has been so (ISO 8601),
# None where it has been so since before anybody looked.
Versions = dict[str, dict[str, str | None]]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The catalog at one moment; ``routable`` holds the full names of what ``auto`` may choose."""

    routable: frozenset[str]
    changes: tuple[ModelChange, ...]
    versions: Versions


def at(moment: datetime, *, since: datetime, known_versions: Mapping[str, Mapping[str, str | None]]) -> Catalog:
    """Read the catalog.

    A model whose provider's name for it has changed is another model under the old name; the change is dated by the
    row's last edit, so that no rating of the former model is taken for one of the new.

    Args:
        since: Prices and versions in force before it are no change.
        known_versions: ``versions`` of the run before.
    """
    price_of = prices.current_prices(moment)
    routable = set()
    changes = []
    versions: Versions = {}
    for row in LanguageModel.objects.select_related("provider"):
        full_name = f"{row.provider.slug}/{row.name}"
        price = price_of.get(row.id)
        if row.is_enabled and row.is_routable and row.tier and row.provider.is_enabled and price is not None:
            routable.add(full_name)
        versions[full_name] = _version(row, known_versions.get(full_name))
        change = ModelChange(
            provider=row.provider.slug,
            name=row.name,
            price_since=price.active_from if price is not None and price.active_from > since else None,
            version_since=_later_than(since, versions[full_name]["since"]),
        )
        if change.price_since or change.version_since:
            changes.append(change)
    return Catalog(
        frozenset(routable), tuple(sorted(changes, key=lambda change: (change.provider, change.name))), versions
    )


def _version(row: LanguageModel, known: Mapping[str, str | None] | None) -> dict[str, str | None]:
    if known is None:
        return {"upstream_name": row.upstream_name, "since": None}
    if known["upstream_name"] == row.upstream_name:
        return {"upstream_name": row.upstream_name, "since": known["since"]}
    return {"upstream_name": row.upstream_name, "since": row.updated_at.isoformat()}


def _later_than(since: datetime, moment: str | None) -> datetime | None:
    found = datetime.fromisoformat(moment) if moment else None
    return found if found is not None and found > since else None
