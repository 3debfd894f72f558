"""Sums over rows of the ledger, computed in the database. ``team_id`` of None reads all teams."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.db.models import (
    Case,
    CharField,
    Count,
    DateTimeField,
    F,
    Func,
    IntegerField,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)

from routing.domain import time_ranges
from routing.domain.latency_histogram import EXACT_BELOW_MS
from routing.domain.time_ranges import Range
from routing.domain.traffic import FIGURES, Figures
from routing.models import CachedResponse, LedgerEntry

if TYPE_CHECKING:
    from django.db.models.sql.compiler import SQLCompiler, _AsSqlType

State = LedgerEntry.State
_REAL = Q(is_simulated=False, is_embedded=False)
_SUMS: Mapping[str, Any] = {
    "requests": Count("request_id"),
    "succeeded": Count("request_id", filter=Q(state=State.SETTLED)),
    "failed": Count("request_id", filter=Q(state__in=(State.FAILED, State.PARTIAL, State.ORPHANED))),
    "fallbacks": Count("request_id", filter=Q(is_fallback=True)),
    "cache_hits": Count("request_id", filter=Q(is_cache_hit=True)),
    "unpriced_requests": Count("request_id", filter=Q(is_unpriced=True)),
    "estimated_requests": Count("request_id", filter=Q(is_estimated=True)),
    "simulated_requests": Count("request_id", filter=~_REAL),
    "input_tokens": Sum("input_tokens", default=0),
    "output_tokens": Sum("output_tokens", default=0),
    "cost_nano_usd": Sum("cost_nano_usd", filter=_REAL, default=0),
    "baseline_cost_nano_usd": Sum(
        "baseline_cost_nano_usd", filter=_REAL & Q(savings_nano_usd__isnull=False), default=0
    ),
    "savings_nano_usd": Sum("savings_nano_usd", filter=_REAL, default=0),
    "simulated_cost_nano_usd": Sum("cost_nano_usd", filter=~_REAL, default=0),
    "simulated_savings_nano_usd": Sum("savings_nano_usd", filter=~_REAL, default=0),
    "latency_ms": Sum("latency_ms", default=0),
    "timed_requests": Count("latency_ms"),
}
_ALIASES = {f"sum_{name}": _SUMS[name] for name in FIGURES}
# Enough for any latency that the column holds.
_DOUBLINGS = 26
_BUCKETS = " ".join(
    f"WHEN %(expressions)s < {EXACT_BELOW_MS << doublings} THEN %(expressions)s & {-(1 << doublings)}"
    for doublings in range(_DOUBLINGS)
)


class HourOf(Func):
    """The UTC hour of a time. Not Django's ``TruncHour``, which SQLite calls back in Python for every row."""

    output_field = DateTimeField()

    def as_postgresql(self, compiler: "SQLCompiler", connection: Any, **context: Any) -> "_AsSqlType":
        return self.as_sql(compiler, connection, template="date_trunc('hour', %(expressions)s, 'UTC')", **context)

    def as_sqlite(self, compiler: "SQLCompiler", connection: Any, **context: Any) -> "_AsSqlType":
        return self.as_sql(compiler, connection, template="(substr(%(expressions)s, 1, 13) || ':00:00')", **context)


class LatencyBucket(Func):
    """The bucket of a latency as ``latency_histogram.bucket_of`` has it: all but its six highest bits are cleared."""

    output_field = IntegerField()
    template = f"CASE {_BUCKETS} END"


_COMPUTED: Mapping[str, Any] = {
    "outcome": Case(
        When(state=State.SETTLED, is_cache_hit=True, then=Value("cached")), default=F("state"), output_field=CharField()
    ),
    "hour": HourOf("created_at"),
    "latency_bucket": LatencyBucket("latency_ms"),
    "everything": Value(1),
}
Group = dict[str, Any]


def rows(ranges: Sequence[Range], *, team_id: int | None = None) -> QuerySet[LedgerEntry]:
    """Return a team's ledger rows of some stretches of time, of which there must be at least one."""
    entries = LedgerEntry.objects.order_by().filter(in_ranges("created_at", ranges))
    return entries if team_id is None else entries.filter(team_id=team_id)


def groups(entries: QuerySet[LedgerEntry], by: Iterable[str]) -> Iterable[tuple[Group, Figures]]:
    """Add up rows in one query by columns, ``hour`` and ``outcome``; each group has its values by name, and figures."""
    for group in _grouped(entries, by).annotate(**_ALIASES):
        # PostgreSQL adds up 64-bit integers to a numeric, which arrives as a Decimal.
        yield group, [int(group[alias]) for alias in _ALIASES]


def latencies(entries: QuerySet[LedgerEntry], by: Iterable[str]) -> Iterable[tuple[Group, int, int]]:
    """Count the requests answered in full by columns, ``hour`` and ``outcome``, and by bucket of latency."""
    timed = entries.filter(state=State.SETTLED, latency_ms__isnull=False)
    for group in _grouped(timed, [*by, "latency_bucket"]).annotate(counted=Count("request_id")).iterator():
        yield group, group["latency_bucket"], group["counted"]


def oldest_hour() -> datetime | None:
    """Return the UTC hour of the oldest row; None for an empty ledger."""
    oldest = LedgerEntry.objects.aggregate(oldest=Min("created_at"))["oldest"]
    return None if oldest is None else time_ranges.floor(oldest, time_ranges.HOUR)


def in_ranges(column: str, ranges: Sequence[Range]) -> Q:
    """Return the condition that a time is in one of the ranges, of which there must be at least one."""
    return reduce(or_, (_between(column, start, end) for start, end in ranges))


def live_cache_entries(*, team_id: int | None, now: datetime) -> int:
    """Count the answers that would be reused at ``now``."""
    entries = CachedResponse.objects.filter(expires_at__gt=now)
    return (entries if team_id is None else entries.filter(team_id=team_id)).count()


def _grouped(entries: QuerySet[LedgerEntry], by: Iterable[str]) -> QuerySet[LedgerEntry, Any]:
    # Something must be named, or Django groups by every column of the table.
    names = list(dict.fromkeys(by)) or ["everything"]
    computed = {name: _COMPUTED[name] for name in names if name in _COMPUTED}
    grouped: QuerySet[LedgerEntry, Any] = entries.values(*(name for name in names if name not in computed), **computed)
    return grouped


def _between(column: str, start: datetime, end: datetime) -> Q:
    return Q(**{f"{column}__gte": start, f"{column}__lt": end})
