"""Whether telemetry events can be stored, and how much there is."""

import logging
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.db import connection

from feedback.selectors import events
from monitoring.services import health
from monitoring.services.bounded_check import BoundedCheck
from monitoring.services.health import DatabaseStatus

logger = logging.getLogger(__name__)

SECONDS = 2.0
# Counting reads the whole table: whoever asks often is told the same for a while.
FRESH_SECONDS = 10.0
_MB = 1_000_000
_SIZES = {
    "postgresql": "SELECT pg_database_size(current_database())",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
}


@dataclass(frozen=True, slots=True)
class MetricsHealth:
    """The last two figures are None where they are not known."""

    status: Literal["healthy", "unhealthy"]
    version: str
    database: DatabaseStatus
    backend: str
    total_metrics: int | None
    database_size_mb: float | None


def check() -> MetricsHealth:
    """Check the database, and how much it holds; takes at most about three seconds."""
    database = health.database_status()
    total, size = _counted() if database == "ok" else (None, None)
    return MetricsHealth(
        status="healthy" if database == "ok" else "unhealthy",
        version=settings.VERSION,
        database=database,
        backend=connection.vendor,
        total_metrics=total,
        database_size_mb=None if size is None else round(size / _MB, 3),
    )


def forget() -> None:
    """Count anew with the next question."""
    global _figures
    _figures = _new_check()


def _counted() -> tuple[int | None, int | None]:
    try:
        return _figures.result()
    except Exception as error:
        logger.warning("Telemetry events could not be counted: %s", type(error).__name__)
        return None, None


def _new_check() -> BoundedCheck[tuple[int, int]]:
    return BoundedCheck(_ask, seconds=SECONDS, fresh_seconds=FRESH_SECONDS)


def _ask() -> tuple[int, int]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(_SIZES[connection.vendor])
            size = int(cursor.fetchone()[0])
        return events.count_all(), size
    finally:
        connection.close()


_figures: BoundedCheck[tuple[int, int]] = _new_check()
