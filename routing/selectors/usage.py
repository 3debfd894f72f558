"""What teams used, from the roll-ups, and from the ledger itself where those are missing or out of date.

Each request counts once, as the ledger has it at the moment of asking: a period is read from its roll-up only while no
row of it has changed since. So the cost grows with the length of a report, not with the ledger.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from routing.domain import latency_histogram, time_ranges, usage_documents
from routing.domain.latency_histogram import Percentiles
from routing.domain.time_ranges import DAY, HOUR, Range
from routing.domain.traffic import Dimension, Figures, Labels, Traffic, add_to, largest_first
from routing.models import ChangedHour, UsageBucket
from routing.selectors import traffic

Span = UsageBucket.Span
Breakdown = dict[Labels, Traffic]
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """A period of a team, or of all for ``team_id`` of None, and where each stretch of it is read from."""

    team_id: int | None
    since: datetime
    until: datetime
    days: tuple[Range, ...]
    hours: tuple[Range, ...]
    ledger: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The traffic of one step of a series; ``labels`` are empty where it is not told apart."""

    starts_at: datetime
    labels: Labels
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    starts_at: datetime
    latency: Percentiles


def window(*, team_id: int | None, since: datetime | None = None, until: datetime | None = None) -> Window:
    """Find out where a period is to be read from: one small query, good for several questions that follow at once.

    Args:
        team_id: None reads all teams: only staff may ask that.
        since: Start in UTC; None for everything there is.
        until: End in UTC, exclusive; None for everything there is.
    """
    since, until = since or BEGINNING, until or END
    changed = ChangedHour.objects.filter(period__gte=time_ranges.floor(since, HOUR), period__lt=until)
    changed_hours = set(changed.values_list("period", flat=True))
    changed_days = {time_ranges.floor(hour, DAY) for hour in changed_hours}
    days = time_ranges.without(time_ranges.whole(since, until, DAY), time_ranges.joined(changed_days, DAY))
    clean = time_ranges.without(time_ranges.whole(since, until, HOUR), time_ranges.joined(changed_hours, HOUR))
    hours = time_ranges.without(clean, days)
    covered = sorted([*days, *hours])
    ledger = time_ranges.without([(since, until)], covered) if since < until else []
    return Window(team_id, since, until, tuple(days), tuple(hours), tuple(ledger))


def totals(period: Window) -> Traffic:
    """Return everything in the period."""
    return breakdown(period, Dimension.TOTAL).get((), Traffic())


def breakdown(period: Window, by: Dimension) -> Breakdown:
    """Return the traffic of each part, the largest first."""
    return breakdowns(period, by)[by]


def breakdowns(period: Window, *by: Dimension) -> dict[Dimension, Breakdown]:
    """Return several breakdowns that agree with each other, in two queries."""
    found: dict[str, dict[Labels, Figures]] = {dimension.label: {} for dimension in by}
    for text in _buckets(period).values_list("figures", flat=True):
        for name, labels, figures in usage_documents.parts(text):
            if name in found:
                add_to(found[name], labels, figures)
    if period.ledger:
        columns = [column for dimension in by for column in dimension.columns]
        for group, figures in traffic.groups(_rows(period), columns):
            for dimension in by:
                add_to(found[dimension.label], _values(group, dimension), figures)
    return {
        dimension: largest_first({labels: Traffic(*figures) for labels, figures in found[dimension.label].items()})
        for dimension in by
    }


def series(period: Window, *, step: timedelta, by: Dimension = Dimension.TOTAL) -> list[Point]:
    """Return the traffic of each step of the period, by time.

    Args:
        step: A whole number of hours. Steps are counted from 1970 in UTC, so that those of a day begin at midnight; the
            first and the last may stick out of the period, of which nothing outside is counted.
        by: Tells the traffic of a step apart; then, and for a period without a start or end, only what there is is
            returned. Otherwise every step is there.

    Raises:
        ValueError: ``step`` is no whole number of hours.
    """
    found: dict[tuple[datetime, Labels], Figures] = {}
    for moment, text in _buckets_by_step(period, step).values_list("starts_at", "figures"):
        for labels, figures in usage_documents.parts_of(text, by):
            add_to(found, (time_ranges.floor(moment, step), labels), figures)
    if period.ledger:
        for group, figures in traffic.groups(_rows(period), ["hour", *by.columns]):
            add_to(found, (time_ranges.floor(group["hour"], step), _values(group, by)), figures)
    if by is Dimension.TOTAL:
        for starts_at in _steps(period, step):
            found.setdefault((starts_at, ()), Traffic().figures)
    points = [Point(starts_at, labels, Traffic(*figures)) for (starts_at, labels), figures in found.items()]
    return sorted(points, key=lambda point: (point.starts_at, -point.traffic.requests, str(point.labels)))


def latency(period: Window) -> Percentiles:
    """Return how long the requests took that were answered in full."""
    counts: Counter[int] = Counter()
    for text in _buckets(period).values_list("latencies", flat=True):
        counts.update(usage_documents.counts(text))
    if period.ledger:
        for _, bucket, count in traffic.latencies(_rows(period), ()):
            counts[bucket] += count
    return latency_histogram.percentiles(counts)


def latency_by(period: Window, by: Dimension) -> dict[Labels, Percentiles]:
    """Return how long the requests of each part took that were answered in full; for the total, see ``latency``."""
    counts: dict[Labels, Counter[int]] = defaultdict(Counter)
    for text in _buckets(period).values_list("latencies_by_label", flat=True):
        for labels, found in usage_documents.parts_of(text, by):
            counts[labels].update(usage_documents.counts(found))
    if period.ledger:
        for group, bucket, count in traffic.latencies(_rows(period), by.columns):
            counts[_values(group, by)][bucket] += count
    return {labels: latency_histogram.percentiles(counted) for labels, counted in counts.items() if counted}


def latency_with_series(period: Window, *, step: timedelta) -> tuple[Percentiles, list[LatencyPoint]]:
    """Return ``latency`` and that of each step, by time; see ``series``."""
    counts: dict[datetime, Counter[int]] = defaultdict(Counter)
    for moment, text in _buckets_by_step(period, step).values_list("starts_at", "latencies"):
        counts[time_ranges.floor(moment, step)].update(usage_documents.counts(text))
    if period.ledger:
        for group, bucket, count in traffic.latencies(_rows(period), ["hour"]):
            counts[time_ranges.floor(group["hour"], step)][bucket] += count
    for starts_at in _steps(period, step):
        counts.setdefault(starts_at, Counter())
    whole: Counter[int] = Counter()
    for of_step in counts.values():
        whole.update(of_step)
    points = [LatencyPoint(starts_at, latency_histogram.percentiles(counts[starts_at])) for starts_at in sorted(counts)]
    return latency_histogram.percentiles(whole), points


def _rows(period: Window) -> QuerySet[Any]:
    return traffic.rows(period.ledger, team_id=period.team_id)


def _buckets(period: Window) -> QuerySet[UsageBucket]:
    return _found(period, {Span.DAY: period.days, Span.HOUR: period.hours})


def _buckets_by_step(period: Window, step: timedelta) -> QuerySet[UsageBucket]:
    if step < HOUR or step % HOUR:
        raise ValueError(f"A step of {step} is no whole number of hours.")
    if step % DAY:
        return _found(period, {Span.HOUR: sorted([*period.days, *period.hours])})
    return _buckets(period)


def _found(period: Window, ranges: dict[Span, Sequence[Range]]) -> QuerySet[UsageBucket]:
    """Return the buckets of the spans in their ranges; none where the whole period is read from the ledger."""
    wanted = Q()
    for span, stretches in ranges.items():
        if stretches:
            wanted |= Q(span=span) & traffic.in_ranges("starts_at", stretches)
    if not wanted:
        return UsageBucket.objects.none()
    team = Q(team_id__isnull=True) if period.team_id is None else Q(team_id=period.team_id)
    return UsageBucket.objects.order_by().filter(team, wanted)


def _steps(period: Window, step: timedelta) -> Iterable[datetime]:
    if period.since == BEGINNING or period.until == END:
        return
    starts_at = time_ranges.floor(period.since, step)
    while starts_at < period.until:
        yield starts_at
        starts_at += step


def _values(group: dict[str, Any], by: Dimension) -> Labels:
    return tuple(group[column] for column in by.columns)
