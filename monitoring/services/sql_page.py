"""Statements that superusers run on the database: read-only, bounded, and recorded with who ran them."""

from django.contrib.admin.models import LogEntry
from django.db import connection

from accounts.services import audit
from monitoring.models import Database
from monitoring.selectors.read_only_sql import postgresql, sqlite
from monitoring.selectors.read_only_sql.answer import SqlAnswer, StatementRefused


def run(statement: str, *, user_id: int | None, most_rows: int) -> SqlAnswer:
    """Record the statement, run it, and record how it ended.

    Raises:
        StatementRefused: See ``read_only_sql``; the refusal is recorded as well.
    """
    # Before it runs, so that what ends the process is recorded too.
    entry = audit.record(user_id=user_id, row=Database(pk=0), what=f"SQL: {statement}")
    ask = postgresql.answer if connection.vendor == "postgresql" else sqlite.answer
    try:
        found = ask(statement, most_rows=most_rows)
    except StatementRefused as error:
        _ended(entry, f"refused: {error}")
        raise
    _ended(entry, f"{len(found.rows)}{' or more' if found.is_cut else ''} rows in {found.seconds:.2f} s")
    return found


def _ended(entry: LogEntry, how: str) -> None:
    LogEntry.objects.filter(pk=entry.pk).update(change_message=f"{entry.change_message}\n-- {how}")
