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
    messages = OutboxMessage.objects.filter(state=JobRun.State.SUCCEEDED, finished_at__lt=now - MESSAGE_AGE)
    letters = DeadLetter.objects.exclude(outcome="").filter(decided_at__lt=now - RUN_AGE)
    return {"runs": _delete(_old_runs(now)), "messages": _delete(messages), "dead_letters": _delete(letters)}


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
