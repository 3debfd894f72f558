"""Scheduled work: each task calls one service and may safely run twice."""

import logging
from typing import Any

from celery import shared_task
from django.db import OperationalError

from learning.models import RetrainingRun
from learning.services import alerts, promotion, retraining, training
from routing.services import database_clock

logger = logging.getLogger(__name__)

_RETRY = {
    "autoretry_for": (OperationalError,),
    "max_retries": 3,
    "retry_backoff": True,
    "retry_jitter": True,
}


@shared_task(**_RETRY)
def retrain(**kwargs: Any) -> None:
    retraining.retrain_all(trigger=RetrainingRun.Trigger.SCHEDULE, actor="schedule", now=database_clock.now())


@shared_task(**_RETRY)
def train_predictors(**kwargs: Any) -> None:
    training.train_all(actor="schedule", now=database_clock.now())


@shared_task(**_RETRY)
def watch(**kwargs: Any) -> None:
    raised = alerts.watch(now=database_clock.now())
    if raised:
        logger.warning("Learning alerts raised: %d", len(raised))


@shared_task(**_RETRY)
def evaluate_candidates(**kwargs: Any) -> None:
    promotion.evaluate_open(now=database_clock.now())
