"""Deletes records of work that is long done, in small batches."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, QuerySet

from jobs.models import DeadLetter, JobRun, OutboxMessage

RUN_AGE = timedelta(days=90)
MESSAGE_AGE = timedelta(days=7)
BATCH_SIZE = 500
MAX_BATCHES = 400


def delete_old(*, now: datetime) -> dict[str, int]:
    """Delete runs that ended 90 days ago, delivered messages after 7, dead letters 90 days after the decision.

    What was given up stays until somebody has decided about it.
    """
    return {name: _delete(rows) for name, rows in _old(now).items()}


def count_old(*, now: datetime) -> dict[str, int]:
    """Count what ``delete_old`` would delete, were it not bounded."""
    return {name: rows.count() for name, rows in _old(now).items()}


def _old(now: datetime) -> dict[str, QuerySet[Any]]:
    return {
        "runs": _old_runs(now),
        "messages": OutboxMessage.objects.filter(state=JobRun.State.SUCCEEDED, finished_at__lt=now - MESSAGE_AGE),
        "dead_letters": DeadLetter.objects.exclude(outcome="").filter(decided_at__lt=now - RUN_AGE),
    }


def _old_runs(now: datetime) -> QuerySet[JobRun]:
    undecided = DeadLetter.objects.filter(outcome="", run__isnull=False).values("run_id")
    # The last run of each job stays, however old: without it that period would seem to have been missed.
    last = JobRun.objects.filter(period_key__isnull=False).values("name").annotate(last=Max("pk")).values("last")
    ended = JobRun.objects.exclude(state__in=(JobRun.State.QUEUED, JobRun.State.RUNNING))
    return ended.filter(finished_at__lt=now - RUN_AGE).exclude(pk__in=undecided).exclude(pk__in=last)


def _delete(old: QuerySet[Any]) -> int:
    deleted = 0
    for _ in range(MAX_BATCHES):
        keys = list(old.order_by().values_list("pk", flat=True)[:BATCH_SIZE])
        old.filter(pk__in=keys).delete()
        deleted += len(keys)
        if len(keys) < BATCH_SIZE:
            break
    return deleted
