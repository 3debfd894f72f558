"""What keeps jobs and the outbox going."""

import uuid
from typing import Any

from celery import shared_task

from jobs.decorators import job, pulse
from jobs.services import catch_up as catching_up
from jobs.services import clock, dead_letters, outbox, retention
from jobs.services import sweep as sweeping


@pulse
def sweep() -> None:
    sweeping.sweep(now=clock.now())


@pulse
def catch_up() -> None:
    catching_up.catch_up(now=clock.now())


@job
def delete_old() -> dict[str, int]:
    return retention.delete_old(now=clock.now())


@shared_task
def deliver(*, message_id: str, **kwargs: Any) -> None:
    outbox.deliver(uuid.UUID(message_id))


@shared_task
def keep_message(*, name: str, reason: str, body: str, **kwargs: Any) -> None:
    dead_letters.keep_message(name=name, reason=reason, body=body)
