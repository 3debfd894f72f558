"""Tells a worker, through the broker, that work waits in the database.

Nothing depends on its being heard: what is not taken is told of again by the sweeper. So a broker that is away or
frozen costs a fraction of a second once, and nothing at all for the seconds after that.
"""

import logging
import time
from functools import partial

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.connection import Connection

from jobs.models import JobRun, OutboxMessage, Work

logger = logging.getLogger(__name__)

_DELIVER = "jobs.tasks.deliver"
_TIMEOUT_SECONDS = 0.25
_PAUSE_SECONDS = 5.0
# From one failure to the next try, by the monotonic clock.
_quiet_until = 0.0


def ring_on_commit(work: Work) -> None:
    """Ring once the transaction is committed, and not at all when it is rolled back."""
    transaction.on_commit(partial(ring, work), robust=True)


def ring(work: Work) -> bool:
    """Tell a worker of stored work; False when the broker does not take that within a fraction of a second."""
    global _quiet_until
    if not settings.REDIS_URL or time.monotonic() < _quiet_until:
        return False
    task, arguments = _task(work)
    try:
        with _connection() as connection:
            current_app.send_task(task, kwargs=arguments, connection=connection, retry=False)
    except Exception as error:
        # Whatever went wrong with the broker, the work is safe in the database.
        _quiet_until = time.monotonic() + _PAUSE_SECONDS
        logger.warning("The broker took no message, the sweeper will try again: %s", error)
        return False
    return True


def forget() -> None:
    """Ring again at once, whatever happened before."""
    global _quiet_until
    _quiet_until = 0.0


def _task(work: Work) -> tuple[str, dict[str, object]]:
    if isinstance(work, JobRun):
        return work.name, {"run_id": work.pk}
    assert isinstance(work, OutboxMessage)
    return _DELIVER, {"message_id": str(work.pk)}


def _connection() -> Connection:
    options = {
        **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        "socket_timeout": _TIMEOUT_SECONDS,
        "socket_connect_timeout": _TIMEOUT_SECONDS,
        "max_retries": 0,
    }
    return Connection(  # type: ignore[no-untyped-call]
        settings.REDIS_URL, transport_options=options, connect_timeout=_TIMEOUT_SECONDS
    )
