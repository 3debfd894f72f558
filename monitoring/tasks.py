"""Scheduled work: each task calls one service and may safely run twice."""

from typing import Any

from celery import shared_task

from monitoring.services.live import producer


@shared_task
def publish_live(**kwargs: Any) -> None:
    producer.publish_due()
