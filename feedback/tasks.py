"""Scheduled work: each task calls one service and may safely run twice."""

import logging
from typing import Any

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from feedback.services import linking, tallies
from routing.services import database_clock

logger = logging.getLogger(__name__)


_RETRY = {"autoretry_for": (OperationalError,), "max_retries": 3, "retry_backoff": True, "retry_jitter": True}


@shared_task(**_RETRY)
def link_pending(**kwargs: Any) -> None:
    linked = linking.link_pending(now=timezone.now())
    if linked:
        logger.info("Ratings linked to their requests: %d", linked)


@shared_task(**_RETRY)
def add_up_ratings(**kwargs: Any) -> None:
    days = tallies.add_up(now=database_clock.now())
    if days:
        logger.info("Days of ratings added up: %d", days)
