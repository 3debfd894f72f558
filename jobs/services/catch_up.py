"""Starts what was missed: periods that are due and of which there is no run at all."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django_celery_beat.models import PeriodicTask

from jobs.domain import periods
from jobs.models import JobRun, ShippedSchedule
from jobs.selectors import schedules
from jobs.services import registry, runs

logger = logging.getLogger(__name__)

# The scheduler's own message may still be on its way.
GRACE = timedelta(minutes=2)


def catch_up(*, now: datetime) -> list[str]:
    """Write down one run of each job whose last period went by without one; return their names.

    Of several missed periods only the last is caught up: its work covers what the others would have done. A schedule
    that is newer than its last due moment has missed nothing.
    """
    if not settings.ENABLE_SCHEDULER:
        return []
    missed = []
    known_since = dict(ShippedSchedule.objects.values_list("name", "first_shipped_at"))
    for entry in PeriodicTask.objects.filter(enabled=True).select_related("crontab", "interval"):
        due = schedules.last_due(entry, now) if registry.is_job(entry.task) else None
        if due is None or now - due < GRACE or not _was_known(entry, due, known_since.get(entry.name)):
            continue
        key = periods.key(due)
        if runs.enqueue(entry.task, period_key=key, trigger=JobRun.Trigger.CATCH_UP, now=now):
            logger.warning("%s was due at %s and did not run: it is caught up", entry.task, key)
            missed.append(entry.task)
    return missed


def _was_known(entry: PeriodicTask, due: datetime, shipped_at: datetime | None) -> bool:
    if shipped_at is not None and shipped_at <= due:
        return True
    # An entry of staff's own, or one that is older than this record of it, has run before.
    return JobRun.objects.filter(name=entry.task, created_at__lte=due).exists()
