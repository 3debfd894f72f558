"""Keeps the ratings of each day added up, for reports; see ``routing.services.change_marks``."""

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from feedback.models import ChangedFeedbackDay, FeedbackTally
from feedback.selectors import tallies
from routing.domain import time_ranges
from routing.domain.time_ranges import DAY
from routing.services import change_marks
from routing.services.writers_turn import writers_turn

logger = logging.getLogger(__name__)

# Ratings of yesterday's last minutes are linked in the first of today: added up at once, the day would be out of date.
SETTLING = timedelta(minutes=10)
SECONDS = 50.0


def mark(moments: Iterable[datetime]) -> None:
    """Say that ratings given at these times have changed; last in the transaction that changes them."""
    change_marks.mark(ChangedFeedbackDay, {time_ranges.floor(moment, DAY) for moment in moments})


def add_up(*, now: datetime, seconds: float = SECONDS) -> int:
    """Add up the days that have changed and are over, the latest first; return how many were.

    It may run anywhere, at any time, at once with others. Days left after ``seconds`` are done by the next run.
    """
    started = time.monotonic()
    over = ChangedFeedbackDay.objects.filter(period__lt=time_ranges.floor(now - SETTLING, DAY))
    added_up = 0
    for day in sorted(set(over.values_list("period", flat=True)), reverse=True):
        if time.monotonic() - started > seconds:
            break
        added_up += _add_up(day)
    return added_up


def rebuild() -> int:
    """Make all tallies anew from the ratings; return the number of days. Reports stay exact meanwhile."""
    days = tallies.days()
    with writers_turn(), transaction.atomic():
        change_marks.mark(ChangedFeedbackDay, days)
    return sum(_add_up(day) for day in sorted(days))


def _add_up(day: datetime) -> bool:
    marks = list(ChangedFeedbackDay.objects.filter(period=day))
    if not marks:
        # Somebody else has added it up since it was found.
        return False
    groups = list(tallies.of_ratings([(day, day + DAY)], "team_id"))
    with writers_turn(), transaction.atomic():
        FeedbackTally.objects.filter(starts_at=day).delete()
        FeedbackTally.objects.bulk_create([FeedbackTally(starts_at=day, **group) for group in groups], batch_size=1000)
        if not change_marks.take_back(marks):
            transaction.set_rollback(True)
            logger.info("Ratings of %s changed while they were added up: left to the next run", day.date())
            return False
    return True
