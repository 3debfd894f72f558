"""Keeps the roll-ups of usage: hours of the ledger added up, and days of hours.

There is no watermark that rows could slip in behind: each change of the ledger marks its hour in its own transaction
(``change_marks``), and an hour is read from its roll-up only while it has no mark. Rolling up takes the marks back.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet

from routing.domain import time_ranges
from routing.domain.time_ranges import DAY, HOUR
from routing.models import ChangedHour, UsageBucket
from routing.selectors import traffic
from routing.services import change_marks, usage_sums
from routing.services.writers_turn import writers_turn

logger = logging.getLogger(__name__)

Span = UsageBucket.Span
# Requests that came in late in an hour are settled in the next: rolled up at once, it would soon be out of date.
SETTLING = timedelta(minutes=5)
# A run that is started every minute should have ended by then.
SECONDS = 50.0
# Any number that no other lock of the product has.
_LOCK = 0x75_73_61_67_65


def roll(*, now: datetime, seconds: float = SECONDS) -> int:
    """Roll up the hours that have changed and are over, the latest first; return how many were.

    It may run anywhere, at any time, at once with others. Days left after ``seconds`` are done by the next run.
    """
    started = time.monotonic()
    rolled = 0
    for hours in _days(_changed(until=time_ranges.floor(now - SETTLING, HOUR))):
        if time.monotonic() - started > seconds:
            break
        rolled += _roll(hours)
    return rolled


def rebuild(*, since: datetime, until: datetime) -> int:
    """Make the roll-ups of a period anew from the ledger; return the number of hours.

    What has been deleted from the ledger stays in the roll-ups as it is. Reports stay exact meanwhile, only slower.
    """
    oldest = traffic.oldest_hour()
    if oldest is None:
        return 0
    since, until = max(time_ranges.floor(since, HOUR), oldest), time_ranges.ceiling(until, HOUR)
    in_ledger = traffic.groups(traffic.rows([(since, until)]), ["hour"]) if since < until else ()
    stored = UsageBucket.objects.filter(span=Span.HOUR, starts_at__gte=since, starts_at__lt=until)
    hours = {group["hour"] for group, _ in in_ledger} | set(stored.values_list("starts_at", flat=True).distinct())
    with writers_turn(), transaction.atomic():
        change_marks.mark(ChangedHour, hours)
    return sum(_roll(of_day) for of_day in _days(hours))


def _changed(*, until: datetime) -> set[datetime]:
    return set(ChangedHour.objects.filter(period__lt=until).values_list("period", flat=True))


def _days(hours: Iterable[datetime]) -> list[list[datetime]]:
    """Return hours by day, the latest day first."""
    by_day: dict[datetime, list[datetime]] = defaultdict(list)
    for hour in sorted(hours):
        by_day[time_ranges.floor(hour, DAY)].append(hour)
    return [by_day[day] for day in sorted(by_day, reverse=True)]


def _roll(hours: Sequence[datetime]) -> int:
    """Roll up some hours of one day; return how many, which is none when they changed or were rolled up meanwhile."""
    marks = list(ChangedHour.objects.filter(period__in=hours))
    # Somebody else may have rolled up some since they were found.
    hours = sorted({held.period for held in marks})
    if not hours:
        return 0
    buckets = usage_sums.of_ledger(hours)
    day = time_ranges.floor(hours[0], DAY)
    with writers_turn(), transaction.atomic():
        if not _lock():
            return 0
        usage_sums.store(buckets, Span.HOUR, hours)
        whole = usage_sums.of_stored(_hours_of(day).iterator(), day)
        usage_sums.store(whole, Span.DAY, [day])
        # Last, because a late settlement of these hours waits for whoever holds its mark.
        if not change_marks.take_back(marks):
            transaction.set_rollback(True)
            logger.info("Hours of %s changed while they were rolled up: left to the next run", day.date())
            return 0
    return len(hours)


def _lock() -> bool:
    """Be the only one that stores roll-ups until the transaction ends: a day is made of hours that others may store."""
    if connection.vendor != "postgresql":
        # SQLite has one writer at a time.
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _hours_of(day: datetime) -> QuerySet[UsageBucket]:
    return UsageBucket.objects.filter(span=Span.HOUR, starts_at__gte=day, starts_at__lt=day + DAY)
