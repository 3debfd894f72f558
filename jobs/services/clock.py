"""The database's time: what is due and whose lease has run out must be one answer for all machines."""

from datetime import UTC, datetime

from django.db import connection


def now() -> datetime:
    """Ask the database what time it is, in UTC; SQLite has no clock but this machine's."""
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
