"""The database's time, without asking it for each request.

Budgets and windows of several machines must agree on what day it is; a machine's own clock may be wrong. The offset is
measured when the snapshot is polled, and time runs on by the monotonic clock in between.
"""

import time
from datetime import UTC, datetime, timedelta

from django.db import connection

_anchor: tuple[datetime, float] | None = None


def synchronize() -> None:
    """Read the database's time; SQLite has none but this machine's."""
    global _anchor
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            before = time.monotonic()
            cursor.execute("SELECT clock_timestamp()")
            instant = cursor.fetchone()[0]
            _anchor = (instant, (before + time.monotonic()) / 2)
    else:
        _anchor = (datetime.now(UTC), time.monotonic())


def forget() -> None:
    """Go by this machine's own clock until the next ``synchronize``."""
    global _anchor
    _anchor = None


def now() -> datetime:
    """Return the present time in UTC; this machine's own before the first ``synchronize``."""
    if _anchor is None:
        return datetime.now(UTC)
    instant, measured_at = _anchor
    return instant + timedelta(seconds=time.monotonic() - measured_at)
