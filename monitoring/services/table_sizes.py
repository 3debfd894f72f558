"""Keeps how large each table was, once a day."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from monitoring.models import TableSize
from monitoring.selectors.database import current

KEPT_DAYS = 400


def sample(*, now: datetime) -> dict[str, int]:
    """Note the size of each table for the day of ``now`` in UTC, in place of an earlier note of that day.

    Tables whose size is not known now, such as one that somebody has locked, are left out. Samples of more than
    ``KEPT_DAYS`` days ago are deleted.
    """
    day = now.date()
    rows = [
        TableSize(day=day, table=table.name, rows=table.rows, bytes=table.bytes + (table.index_bytes or 0))
        for table in current.report().tables
        if table.bytes is not None
    ]
    TableSize.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["day", "table"], update_fields=["rows", "bytes"]
    )
    return {"tables": len(rows), "deleted": delete_old(now=now)}


def delete_old(*, now: datetime) -> int:
    """Delete the samples of more than ``KEPT_DAYS`` days ago; return how many."""
    return _old(now).delete()[0]


def count_old(*, now: datetime) -> int:
    """Count what ``delete_old`` would delete."""
    return _old(now).count()


def _old(now: datetime) -> QuerySet[TableSize]:
    return TableSize.objects.filter(day__lt=now.date() - timedelta(days=KEPT_DAYS))
