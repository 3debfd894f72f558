"""How learning and cost reviews are doing, from the rows that their runs leave."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.db.models import Max, Min, Q

from accounts.models import Team
from accounts.selectors import in_scope
from feedback.models import ResponseFeedback
from insights.models import LearningMetric, Review, SuggestionFeedback
from jobs.models import JobRun
from learning.models import RetrainingRun
from monitoring.domain.alerting import Reading

_HOUR = timedelta(hours=1)
_LEARNING_JOBS = Q(name__startswith="learning.") | Q(name__startswith="insights.")
_FAILED = frozenset({JobRun.State.FAILED, JobRun.State.DEAD, RetrainingRun.State.FAILED, Review.State.FAILED})


def job_failures(since: datetime, now: datetime) -> list[Reading]:
    """Return the share of the learning jobs that ended in the window and failed.

    A scheduled one counts by its job run, also while it waits to be tried again; what people start, by its own row.
    """
    ended = Q(finished_at__gte=since, finished_at__lt=now)
    by_hand = ended & ~Q(trigger="schedule")
    states = [
        *JobRun.objects.filter(ended, _LEARNING_JOBS).order_by().values_list("state", flat=True),
        *RetrainingRun.objects.filter(by_hand).order_by().values_list("state", flat=True),
        *Review.objects.filter(by_hand).order_by().values_list("state", flat=True),
    ]
    if not states:
        return [Reading(None, 0)]
    failed = sum(state in _FAILED for state in states)
    return [Reading(failed / len(states), len(states), text=f"{failed} of {len(states)} learning jobs failed.")]


def review_seconds(since: datetime, now: datetime) -> list[Reading]:
    """Return the 95th percentile of how long the cost reviews took that ended in the window."""
    ended = Review.objects.filter(state=Review.State.SUCCEEDED, finished_at__gte=since, finished_at__lt=now)
    return [_p95(ended.values_list("started_at", "finished_at"), "reviews")]


def backlog(_since: datetime, now: datetime) -> list[Reading]:
    """Count the linked ratings that came after the last retraining that would have read them.

    Only those of the learning window, because an older one would not be read any more.
    """
    oldest = now - timedelta(days=settings.LEARNING_WINDOW_DAYS)
    scopes = (None, *Team.objects.filter(learns_alone=True))
    waiting = sum(_unread(in_scope(team), _last_read(team), oldest) for team in scopes)
    return [Reading(float(waiting), text=f"{waiting} linked ratings wait for a retraining.")]


def thresholds_age(_since: datetime, now: datetime) -> list[Reading]:
    """Return the hours since the confidence thresholds were evaluated; None while there is no answer to weigh."""
    thresholds = LearningMetric.objects.filter(kind=LearningMetric.Kind.THRESHOLD)
    last = thresholds.aggregate(last=Max("computed_at"))["last"]
    if last is None:
        last = SuggestionFeedback.objects.aggregate(first=Min("created_at"))["first"]
    if last is None:
        return [Reading(None, 0)]
    hours = (now - last) / _HOUR
    return [Reading(hours, text=f"The thresholds were evaluated {hours:.1f} hours ago.")]


def _last_read(team: Team | None) -> datetime | None:
    done = RetrainingRun.objects.filter(team=team, state=RetrainingRun.State.SUCCEEDED)
    last: datetime | None = done.aggregate(last=Max("started_at"))["last"]
    return last


def _unread(scope: Q, last_read: datetime | None, oldest: datetime) -> int:
    since = max(oldest, last_read) if last_read else oldest
    return ResponseFeedback.objects.filter(scope, linked=True, created_at__gte=since).count()


def _p95(spans: Iterable[tuple[datetime, datetime | None]], noun: str) -> Reading:
    """Return the nearest-rank 95th percentile of the spans, in seconds."""
    seconds = sorted((end - start).total_seconds() for start, end in spans if end is not None)
    if not seconds:
        return Reading(None, 0)
    value = seconds[ceil(0.95 * len(seconds)) - 1]
    return Reading(value, len(seconds), text=f"95 of 100 {noun} took at most {value:.1f} s ({len(seconds)} in all).")
