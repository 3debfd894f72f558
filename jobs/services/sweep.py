"""Finds work that waits in the database and that no worker has taken, and tells one of it."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import Q, QuerySet

from jobs.domain import backoff
from jobs.models import JobRun, OutboxMessage, Work
from jobs.services import attempts, doorbell, registry, runs

logger = logging.getLogger(__name__)

MOST = 200
# What was told of waits in the broker's queue for so long before it is told of again.
PATIENCE = timedelta(seconds=60)

W = TypeVar("W", bound=Work)


def sweep(*, now: datetime) -> int:
    """Tell workers of all work that is due and bury what died at its last attempt; return of how many they were told.

    It may run anywhere, at any time, at once with others: who is told twice finds the work taken.
    """
    names = registry.names()
    _forget_unknown(names, now)
    for run in _exhausted(JobRun.objects.all(), now):
        runs.bury_exhausted(run)
    for message in _exhausted(OutboxMessage.objects.all(), now):
        attempts.bury_exhausted(message, lambda _message: None)
    jobs = _due(JobRun.objects.filter(name__in=names), now)
    messages = _due(OutboxMessage.objects.all(), now)
    return sum(_ring(work, now) for work in (*jobs, *messages))


def _forget_unknown(names: Iterable[str], now: datetime) -> None:
    """Close runs whose process died and that nobody here can start: of a job that is no more, or of no task at all."""
    died = JobRun.objects.filter(state=Work.State.RUNNING, lease_expires_at__lte=now).exclude(name__in=names)
    error = "Its process died, and there is no such task to start again."
    died.update(state=Work.State.FAILED, error=error, finished_at=now, token=None, lease_expires_at=None)


def _exhausted(rows: QuerySet[W], now: datetime) -> list[W]:
    died = rows.filter(state=Work.State.RUNNING, lease_expires_at__lte=now, attempts__gt=backoff.RETRIES)
    return list(died[:MOST])


def _due(rows: QuerySet[W], now: datetime) -> list[W]:
    untold = Q(rung_at=None) | Q(rung_at__lte=now - PATIENCE)
    return list(rows.filter(attempts.due(now), untold, attempts__lte=backoff.RETRIES).order_by("created_at")[:MOST])


def _ring(work: Work, now: datetime) -> int:
    if not doorbell.ring(work):
        return 0
    type(work)._default_manager.filter(pk=work.pk).update(rung_at=now)
    return 1
