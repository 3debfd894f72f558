"""Telemetry events that were stored. A team of None reads those of all teams: only staff may ask that."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, QuerySet

from accounts.models import Team
from feedback.models import MetricEvent

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; ``since`` is inclusive, ``until`` exclusive, None leaves open."""

    team: Team | None
    type: str | None = None
    user_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventStats:
    """``by_type`` is in descending order of numbers; the times are None without events."""

    total: int
    users: int
    first_at: datetime | None
    last_at: datetime | None
    by_type: dict[str, int]


def find(event_id: int, team: Team | None) -> MetricEvent | None:
    """Return one event of the team, or of any for None; None when there is none."""
    return matching(Wanted(team)).filter(id=event_id).first()


def latest(wanted: Wanted, limit: int) -> list[MetricEvent]:
    """Return the newest events, newest first."""
    return list(matching(wanted)[:limit])


def stats(wanted: Wanted) -> EventStats:
    """Count events by type."""
    found = matching(wanted).order_by()
    ends = found.aggregate(first=Min("occurred_at"), last=Max("occurred_at"), users=Count("user_id", distinct=True))
    counted = found.values_list("type").annotate(events=Count("id")).order_by("-events", "type")
    by_type = dict(counted)
    return EventStats(sum(by_type.values()), ends["users"], ends["first"], ends["last"], by_type)


def in_order(wanted: Wanted) -> Iterator[MetricEvent]:
    """Yield every event in the order they were stored, a thousand at a time."""
    found, last = matching(wanted).order_by("id"), 0
    while page := list(found.filter(id__gt=last)[:PAGE]):
        yield from page
        last = page[-1].id


def count_all() -> int:
    """Count the events of all teams."""
    return MetricEvent.objects.count()


def matching(wanted: Wanted) -> QuerySet[MetricEvent]:
    """Return the events, newest first, with their teams."""
    conditions = {
        "team": wanted.team,
        "type": wanted.type,
        "user_id": wanted.user_id,
        "occurred_at__gte": wanted.since,
        "occurred_at__lt": wanted.until,
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    return MetricEvent.objects.select_related("team").filter(**given)
