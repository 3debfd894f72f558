"""Scheduled work: each task calls one service and may safely run twice."""

from typing import Any

from celery import shared_task
from django.db import OperationalError

from experiments.services import sweep as sweeping
from routing.services import database_clock

_RETRY = {
    "autoretry_for": (OperationalError,),
    "max_retries": 3,
    "retry_backoff": True,
    "retry_jitter": True,
}


@shared_task(**_RETRY)
def sweep(**kwargs: Any) -> None:
    sweeping.sweep(now=database_clock.now())


@shared_task(**_RETRY)
def keep_up(**kwargs: Any) -> None:
    sweeping.keep_up(now=database_clock.now())
