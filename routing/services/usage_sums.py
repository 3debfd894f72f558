"""Adds up the ledger, and what has been added up before, as the buckets of roll-ups."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from routing.domain import time_ranges, usage_documents
from routing.domain.time_ranges import HOUR
from routing.domain.traffic import Dimension, Figures, Labels, add_to
from routing.models import UsageBucket
from routing.selectors import traffic

Part = tuple[str, Labels]
TOTAL: Part = (Dimension.TOTAL.label, ())
_COLUMNS = tuple(dict.fromkeys(column for dimension in Dimension for column in dimension.columns))


@dataclass(slots=True)
class Sums:
    """One bucket: by dimension and labels, the figures, and answers in full counted by bucket of latency."""

    figures: dict[Part, Figures] = field(default_factory=dict)
    latencies: dict[Part, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, other: "Sums") -> None:
        """Add what another bucket holds."""
        for part, figures in other.figures.items():
            add_to(self.figures, part, figures)
        for part, counts in other.latencies.items():
            self.latencies[part].update(counts)


# By start and team; a team of None is all teams.
Buckets = dict[tuple[datetime, int | None], Sums]


def of_ledger(hours: Iterable[datetime]) -> Buckets:
    """Add up the rows of some hours, of each team and of all, in every dimension."""
    found: Buckets = defaultdict(Sums)
    entries = traffic.rows(time_ranges.joined(hours, HOUR))
    for dimension in Dimension:
        for group, figures in traffic.groups(entries, ["hour", "team_id", *dimension.columns]):
            part = (dimension.label, tuple(group[column] for column in dimension.columns))
            add_to(found[group["hour"], group["team_id"]].figures, part, figures)
    for group, latency, count in traffic.latencies(entries, ["hour", "team_id", *_COLUMNS]):
        latencies = found[group["hour"], group["team_id"]].latencies
        for part in _parts(tuple(group[column] for column in _COLUMNS)):
            latencies[part][latency] += count
    for (starts_at, _), sums in list(found.items()):
        found[starts_at, None].add(sums)
    return dict(found)


def of_stored(buckets: Iterable[UsageBucket], starts_at: datetime | None = None) -> Buckets:
    """Return what is in buckets, or what it adds up to in the period that begins at ``starts_at``."""
    found: Buckets = defaultdict(Sums)
    for bucket in buckets:
        found[starts_at or bucket.starts_at, bucket.team_id].add(_read(bucket))
    return dict(found)


def store(found: Buckets, span: UsageBucket.Span, starts: Sequence[datetime]) -> None:
    """Replace the buckets of the periods that begin at ``starts``."""
    UsageBucket.objects.filter(span=span, starts_at__in=starts).delete()
    UsageBucket.objects.bulk_create(
        [_bucket(span, starts_at, team_id, sums) for (starts_at, team_id), sums in found.items()], batch_size=500
    )


def _read(bucket: UsageBucket) -> Sums:
    sums = Sums()
    for name, labels, figures in usage_documents.parts(bucket.figures):
        sums.figures[name, labels] = figures
    for name, labels, counts in usage_documents.parts(bucket.latencies_by_label):
        sums.latencies[name, labels] = usage_documents.counts(counts)
    if total := usage_documents.counts(bucket.latencies):
        sums.latencies[TOTAL] = total
    return sums


def _bucket(span: UsageBucket.Span, starts_at: datetime, team_id: int | None, sums: Sums) -> UsageBucket:
    by_label = ((name, labels, counts) for (name, labels), counts in sums.latencies.items() if (name, labels) != TOTAL)
    return UsageBucket(
        span=span,
        starts_at=starts_at,
        team_id=team_id,
        figures=usage_documents.dump((name, labels, figures) for (name, labels), figures in sums.figures.items()),
        latencies=usage_documents.dump_counts(sums.latencies.get(TOTAL, {})),
        latencies_by_label=usage_documents.dump(by_label),
    )


@lru_cache(maxsize=50_000)
def _parts(values: tuple[Any, ...]) -> tuple[Part, ...]:
    """Return the parts that a row with these values of the columns belongs to, one of each dimension."""
    named = dict(zip(_COLUMNS, values, strict=True))
    return tuple((dimension.label, tuple(named[column] for column in dimension.columns)) for dimension in Dimension)
