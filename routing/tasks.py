"""Scheduled work: each task calls one service and may safely run twice."""

import logging
from typing import Any

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from routing.services import database_clock, prices, reconciler, retention, rollups

logger = logging.getLogger(__name__)

_RETRY = {
    "autoretry_for": (OperationalError,),
    "max_retries": 3,
    "retry_backoff": True,
    "retry_jitter": True,
}


@shared_task(**_RETRY)
def refresh_prices(**kwargs: Any) -> None:
    prices.refresh_prices(now=timezone.now())


@shared_task(**_RETRY)
def reconcile_ledger(**kwargs: Any) -> None:
    reconciler.close_orphans()


@shared_task(**_RETRY)
def delete_expired(**kwargs: Any) -> None:
    report = retention.delete_expired(now=timezone.now())
    logger.info("Expired rows deleted: %s", report)


@shared_task(**_RETRY)
def roll_up_usage(**kwargs: Any) -> None:
    rolled = rollups.roll(now=database_clock.now())
    if rolled:
        logger.info("Hours of usage rolled up: %d", rolled)
