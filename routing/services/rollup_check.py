"""Holds the roll-ups against the ledger."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from routing.domain import time_ranges
from routing.domain.time_ranges import DAY, HOUR
from routing.domain.traffic import Labels, Traffic
from routing.models import ChangedHour, UsageBucket
from routing.selectors import traffic
from routing.services import usage_sums
from routing.services.usage_sums import Buckets, Part, Sums

Span = UsageBucket.Span
# How often a difference must show before it is believed: hours that are rolled up at the same moment look like one.
LOOKS = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """Requests of a part of a bucket that are not what they should be; a team of None is all teams.

    The number of requests may agree where another figure does not; None is a part that is not there.
    """

    span: Span
    starts_at: datetime
    team_id: int | None
    dimension: str
    labels: Labels
    stored_requests: int | None
    expected_requests: int | None


def verify(*, since: datetime, until: datetime) -> Iterator[Difference]:
    """Compare the roll-ups of the days from ``since`` to ``until`` with the ledger, and the days with their hours.

    Hours that are marked as changed are left out: they are read from the ledger anyway. So is what has been deleted
    from the ledger: only the roll-ups have that.
    """
    oldest = traffic.oldest_hour()
    if oldest is None:
        return
    day = time_ranges.floor(max(since, oldest), DAY)
    while day < until:
        yield from _differences(day, oldest)
        day += DAY


def _differences(day: datetime, oldest: datetime) -> list[Difference]:
    found: list[Difference] = []
    for _ in range(LOOKS):
        found = _differences_now(day, oldest)
        if not found:
            break
    return found


def _differences_now(day: datetime, oldest: datetime) -> list[Difference]:
    in_ledger = usage_sums.of_ledger([day + HOUR * number for number in range(24)])
    # One query for both spans, so that hours and day are of one moment.
    rows = list(UsageBucket.objects.filter(starts_at__gte=day, starts_at__lt=day + DAY))
    hours = [row for row in rows if row.span == Span.HOUR]
    stored_day = usage_sums.of_stored(row for row in rows if row.span == Span.DAY)
    changed = set(ChangedHour.objects.filter(period__gte=day, period__lt=day + DAY).values_list("period", flat=True))
    stored_hours = usage_sums.of_stored(
        row for row in hours if row.starts_at >= oldest and row.starts_at not in changed
    )
    expected = {bucket: sums for bucket, sums in in_ledger.items() if bucket[0] not in changed}
    return [
        *_compare(Span.HOUR, stored_hours, expected),
        *_compare(Span.DAY, stored_day, usage_sums.of_stored(hours, day)),
    ]


def _compare(span: Span, stored: Buckets, expected: Buckets) -> Iterator[Difference]:
    for starts_at, team_id in sorted(stored.keys() | expected.keys(), key=str):
        found, right = (buckets.get((starts_at, team_id), Sums()) for buckets in (stored, expected))
        for part in sorted(found.figures.keys() | right.figures.keys(), key=str):
            if _of(found, part) != _of(right, part):
                yield Difference(span, starts_at, team_id, *part, _requests(found, part), _requests(right, part))


def _of(sums: Sums, part: Part) -> tuple[Traffic | None, Counter[int]]:
    figures = sums.figures.get(part)
    return None if figures is None else Traffic(*figures), sums.latencies.get(part, Counter())


def _requests(sums: Sums, part: Part) -> int | None:
    figures = sums.figures.get(part)
    return None if figures is None else Traffic(*figures).requests
