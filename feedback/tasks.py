"""Scheduled work: each task calls one service and may safely run twice."""

import logging
from typing import Any

from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from feedback.services import linking

logger = logging.getLogger(__name__)


@shared_task(autoretry_for=(OperationalError,), max_retries=3, retry_backoff=True, retry_jitter=True)
def link_pending(**kwargs: Any) -> None:
    linked = linking.link_pending(now=timezone.now())
    if linked:
        logger.info("Ratings linked to their requests: %d", linked)
