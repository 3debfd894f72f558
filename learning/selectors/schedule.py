"""When beat will start the next retraining."""

from datetime import datetime, timedelta

from celery import schedules
from django.conf import settings
from django_celery_beat.models import PeriodicTask

RETRAINING_TASK = "learning.tasks.retrain"
# The entry of the settings; beat stores it as it starts.
WEEKLY_ENTRY = "retrain-weekly"


def next_retraining(*, now: datetime) -> datetime | None:
    """Return when the next enabled retraining is due, in UTC; None when staff switched all of them off.

    What is stored counts, for staff may have changed it; before beat has stored the weekly run, ``RETRAIN_CRON`` does.
    """
    stored = list(PeriodicTask.objects.filter(task=RETRAINING_TASK).select_related("crontab", "interval"))
    due = [_due(task, now) for task in stored if task.enabled]
    if all(task.name != WEEKLY_ENTRY for task in stored):
        due.append(_next(schedules.crontab.from_string(settings.RETRAIN_CRON), now))
    return min((moment for moment in due if moment is not None), default=None)


def _due(task: PeriodicTask, now: datetime) -> datetime | None:
    if task.crontab is not None:
        return _next(task.crontab.schedule, now)
    if task.interval is None:
        return None
    last: datetime = task.last_run_at or task.date_changed
    every: timedelta = task.interval.schedule.run_every
    return max(last + every, now)


def _next(schedule: schedules.crontab, now: datetime) -> datetime:
    # The schedule counts from its own clock, in its own time zone.
    local = now.astimezone(schedule.tz)
    schedule.nowfun = lambda: local
    wait: timedelta = schedule.remaining_estimate(local)
    return now + wait
