"""Marks for periods whose rows have changed, so that a roll-up of them can be told from one that is out of date.

Whoever changes rows marks their period in the same transaction. Whoever adds a period up reads its marks first, then
the rows, and takes back just those marks in the transaction that stores the sums. A change that was committed in
between has replaced one of them, and then nothing is stored, or has added another, and then the period stays marked.
That holds in whatever order transactions are committed, and without looking at a clock.
"""

import random
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db import connection

from accounts.services.prepared_statements import Prepared
from routing.models.usage import ChangeMark

_ON_POSTGRESQL = """
INSERT INTO {table} (period, writer, change)
SELECT period, mod(pg_backend_pid(), {marks}), {change} FROM unnest({periods}) AS period
ON CONFLICT (period, writer) DO UPDATE SET change = excluded.change
"""
_ON_SQLITE = """
INSERT INTO {table} (period, writer, change) VALUES (%s, 0, %s)
ON CONFLICT (period, writer) DO UPDATE SET change = excluded.change
"""


def statement(model: type[ChangeMark]) -> Prepared:
    """Return PostgreSQL's statement that marks periods, for the hot path; ``arguments`` are what it takes."""
    table = model._meta.db_table
    sql = _ON_POSTGRESQL.format(table=table, marks=model.MARKS_PER_PERIOD, periods="$1", change="$2")
    return Prepared(f"mark_{table}", ("timestamptz[]", "bigint"), sql)


def arguments(periods: Iterable[str]) -> tuple[str, int]:
    """Return the arguments that mark these periods: each a date, a space and a time in UTC, to the second."""
    return "{" + ",".join(f'"{period}+00"' for period in sorted(periods)) + "}", _new_change()


def mark(model: type[ChangeMark], periods: Iterable[datetime]) -> None:
    """Mark periods in the transaction that is open; nothing where there are none."""
    mark_texts(model, {period.strftime("%Y-%m-%d %H:%M:%S") for period in periods})


def mark_texts(model: type[ChangeMark], periods: Collection[str]) -> None:
    """Do the same for periods that are text already, as for ``arguments``."""
    if not periods:
        return
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sql = _ON_POSTGRESQL.format(
                table=table, marks=model.MARKS_PER_PERIOD, periods="%(periods)s::timestamptz[]", change="%(change)s"
            )
            texts, change = arguments(periods)
            cursor.execute(sql, {"periods": texts, "change": change})
        else:
            change = _new_change()
            cursor.executemany(_ON_SQLITE.format(table=table), [[period, change] for period in sorted(periods)])


def take_back(marks: Sequence[ChangeMark]) -> bool:
    """Delete marks that are still as they were read; return False, and delete none, where one is not."""
    if not marks:
        return True
    changes = {held.pk: held.change for held in marks}
    # Locked in the order in which a writer of several periods marks them, so that neither waits for the other.
    stored = type(marks[0])._default_manager.select_for_update().filter(pk__in=changes).order_by("period", "writer")
    if {held.pk: held.change for held in stored} != changes:
        return False
    stored.delete()
    return True


def _new_change() -> int:
    # Random, because a mark that was taken back and made anew must be another, whoever made the two.
    return random.getrandbits(63)
