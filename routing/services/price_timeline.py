"""Writes prices as dated rows: what was billed stays as it was, only the time from now on may change."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from routing.domain.pricing import PriceSchedule, PriceTier
from routing.models import ModelPrice
from routing.selectors import prices as price_selector

# A price that its source gives without a date holds whenever no later one does.
ALWAYS = datetime(2020, 1, 1, tzinfo=UTC)
BATCH_SIZE = 500

PriceKey = tuple[int, str]  # id of the language model, service tier


@dataclass(frozen=True, slots=True)
class PriceSegment:
    """Rates that hold from ``active_from`` until just before ``active_to``; None is until further notice."""

    active_from: datetime
    active_to: datetime | None
    schedule: PriceSchedule


@dataclass(frozen=True, slots=True)
class TimelineReport:
    """Rows opened, and rows whose end was set or moved."""

    opened: int = 0
    ended: int = 0


@dataclass(slots=True)
class _Changes:
    delete: list[int] = field(default_factory=list)
    end: list[ModelPrice] = field(default_factory=list)
    create: list[ModelPrice] = field(default_factory=list)


def record(
    wanted: Mapping[PriceKey, Sequence[PriceSegment]],
    *,
    source: ModelPrice.Source,
    source_version: str,
    now: datetime,
) -> TimelineReport:
    """Make the rows of ``source`` agree with ``wanted`` from ``now`` on; unchanged prices write nothing.

    A price seen for the first time is written with its whole known history. Later a changed price ends the current
    row at ``now`` and opens a new one, also where its source dates the change earlier: what was billed in between was
    billed at the old price. Rows that have not begun are replaced. Call it in a transaction.

    Args:
        wanted: Segments of each model and service tier, in order of time and without overlap.
        source: Whose rows are compared and written; those of other sources are not touched.
        source_version: Kept with the new rows as their provenance.
        now: The moment of the change.
    """
    existing: dict[PriceKey, list[ModelPrice]] = defaultdict(list)
    for row in ModelPrice.objects.filter(source=source).order_by("active_from"):
        existing[row.language_model_id, row.service_tier].append(row)
    changes = _Changes()
    for key, segments in wanted.items():
        rows = existing.get(key)
        for segment in _revise(rows, segments, now, changes) if rows else segments:
            changes.create.append(_row(key, segment, source, source_version))
    ModelPrice.objects.filter(id__in=changes.delete).delete()
    ModelPrice.objects.bulk_update(changes.end, ("active_to",), batch_size=BATCH_SIZE)
    ModelPrice.objects.bulk_create(changes.create, batch_size=BATCH_SIZE)
    return TimelineReport(opened=len(changes.create), ended=len(changes.end))


def rates(schedule: PriceSchedule) -> dict[str, Any]:
    """Return the fields of a price row that hold these rates."""
    return {
        "input_usd_per_mtok": schedule.input_usd_per_mtok,
        "output_usd_per_mtok": schedule.output_usd_per_mtok,
        "cached_input_usd_per_mtok": schedule.cached_input_usd_per_mtok,
        "cache_write_usd_per_mtok": schedule.cache_write_usd_per_mtok,
        "reasoning_usd_per_mtok": schedule.reasoning_usd_per_mtok,
        "request_usd": schedule.request_usd,
        "context_tiers": [_tier_json(tier) for tier in schedule.tiers],
    }


def _revise(
    rows: Sequence[ModelPrice], segments: Sequence[PriceSegment], now: datetime, changes: _Changes
) -> list[PriceSegment]:
    """Note which rows end or go, and return the segments that still need a row."""
    missing = [
        replace(segment, active_from=max(segment.active_from, now))
        for segment in segments
        if segment.active_to is None or segment.active_to > now
    ]
    for row in rows:
        if row.active_from >= now:
            segment = PriceSegment(row.active_from, row.active_to, price_selector.schedule(row))
            if segment in missing:
                missing.remove(segment)
            else:
                changes.delete.append(row.id)
        elif row.active_to is None or row.active_to > now:
            _revise_current(row, missing, now, changes)
    return missing


def _revise_current(row: ModelPrice, missing: list[PriceSegment], now: datetime, changes: _Changes) -> None:
    end: datetime | None = now
    if missing and missing[0].active_from == now and missing[0].schedule == price_selector.schedule(row):
        end = missing.pop(0).active_to
    if row.active_to != end:
        row.active_to = end
        changes.end.append(row)


def _row(key: PriceKey, segment: PriceSegment, source: ModelPrice.Source, source_version: str) -> ModelPrice:
    model_id, service_tier = key
    return ModelPrice(
        language_model_id=model_id,
        service_tier=service_tier,
        active_from=segment.active_from,
        active_to=segment.active_to,
        source=source,
        source_version=source_version,
        **rates(segment.schedule),
    )


def _tier_json(tier: PriceTier) -> dict[str, Any]:
    values: dict[str, Any] = {"from_input_tokens": tier.from_input_tokens}
    for name in price_selector.TIER_RATES:
        rate: Decimal | None = getattr(tier, name)
        if rate is not None:
            values[name] = f"{rate:f}"
    return values
