"""Whether what runs behind the requests does its work: learning, and scheduled jobs. Asked of the database, in time."""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

from jobs.selectors import status as job_status
from jobs.selectors.status import JobsStatus
from monitoring.selectors import learning_health
from monitoring.selectors.learning_health import LearningHealth
from monitoring.services.bounded_check import BoundedCheck
from routing.services import database_clock

logger = logging.getLogger(__name__)

T = TypeVar("T")
SECONDS = 3.0
# These questions count rows: however often they are asked, the database answers each once in this time.
FRESH_SECONDS = 5.0


class NotKnown(Exception):
    """The database did not answer in time, so that nothing can be said."""


def learning() -> LearningHealth:
    """Return how learning is; raises NotKnown."""
    return _result(learning_check)


def jobs() -> JobsStatus:
    """Return how the work in the background goes; raises NotKnown."""
    return _result(jobs_check)


def _result(check: BoundedCheck[T]) -> T:
    try:
        return check.result()
    except Exception as error:
        logger.warning("The check of work in the background failed: %s", type(error).__name__)
        raise NotKnown from error


def _asked(ask: Callable[[], T]) -> Callable[[], T]:
    def asked() -> T:
        try:
            connection.ensure_connection()
            return ask()
        finally:
            connection.close()

    return asked


learning_check = BoundedCheck(
    _asked(lambda: learning_health.check(database_clock.now())), seconds=SECONDS, fresh_seconds=FRESH_SECONDS
)
jobs_check = BoundedCheck(
    _asked(lambda: job_status.status(now=database_clock.now())), seconds=SECONDS, fresh_seconds=FRESH_SECONDS
)
