"""A statement of staff on PostgreSQL: behind a cursor, in a read-only transaction of a connection of its own.

Four things hold it, each by itself. A cursor can only be declared for a SELECT, VALUES or TABLE, so nothing that sets,
copies, calls or writes gets through the grammar. The transaction is read-only. Functions that may have side effects are
refused by PostgreSQL's own record of them (they are "volatile"), which also covers those that sleep, lock, end other
sessions, change settings or run text as SQL. And time, rows and bytes are bounded.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connection

from monitoring.selectors.read_only_sql.answer import (
    MOST_CHARACTERS,
    MOST_COLUMNS,
    SECONDS,
    Budget,
    SqlAnswer,
    StatementRefused,
    checked,
    words,
)

logger = logging.getLogger(__name__)
# Volatile because each call answers differently, not because they do anything.
_HARMLESS = frozenset(
    {
        "clock_timestamp",
        "gen_random_uuid",
        "pg_column_size",
        "pg_database_size",
        "pg_indexes_size",
        "pg_relation_size",
        "pg_size_pretty",
        "pg_table_size",
        "pg_total_relation_size",
        "random",
        "timeofday",
    }
)
# Those that make XML of a table are given its name as text, where nobody sees which table it is.
_MAKES_XML = r"%\_to\_xml%"
_REFUSED = "SELECT DISTINCT proname FROM pg_proc WHERE proname = ANY(%s) AND (provolatile = 'v' OR proname LIKE %s)"
_ROWS_PER_FETCH = 500


def answer(statement: str, *, most_rows: int, seconds: float = SECONDS) -> SqlAnswer:
    """Run one SELECT and return at most ``most_rows`` of its rows, every value as text.

    Raises:
        StatementRefused: The statement is not a single SELECT without side effects, is wrong, or takes too long.
    """
    text = checked(statement)
    budget = Budget(seconds=seconds)
    with _read_only(seconds) as cursor:
        _refuse_side_effects(cursor, text)
        try:
            columns = _columns(cursor, text)
            return _rows(cursor, text, columns, most_rows, budget)
        except DatabaseError as error:
            raise StatementRefused(_told(error, seconds)) from error


@contextmanager
def _read_only(seconds: float) -> Iterator[Any]:
    """Open a connection that is thrown away, so that nothing a statement leaves behind meets another request."""
    own = connection.copy("read_only_sql")
    try:
        with own.cursor() as cursor:
            cursor.execute("BEGIN READ ONLY")
            cursor.execute(f"SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = {int(seconds * 1000)}")
            yield cursor
    finally:
        # Whatever was begun is rolled back.
        own.close()


def _refuse_side_effects(cursor: Any, text: str) -> None:
    """Refuse every word that is the name of a volatile function, wherever it stands: a name cannot be hidden then."""
    cursor.execute(_REFUSED, [sorted(words(text) - _HARMLESS), _MAKES_XML])
    found = sorted(row[0] for row in cursor.fetchall())
    if found:
        raise StatementRefused(f"{', '.join(found)}: functions that may have side effects are not called from here.")


def _columns(cursor: Any, text: str) -> list[str]:
    sql = f"DECLARE columns NO SCROLL CURSOR FOR SELECT * FROM (\n{text}\n) AS asked LIMIT 0"  # noqa: S608
    cursor.execute(sql)
    cursor.execute("FETCH 0 FROM columns")
    names = [column[0] for column in cursor.description]
    if len(names) > MOST_COLUMNS:
        raise StatementRefused(f"More than {MOST_COLUMNS} columns: name those that you want.")
    return names


def _rows(cursor: Any, text: str, columns: Sequence[str], most_rows: int, budget: Budget) -> SqlAnswer:
    """Read the rows, with each value cut by the database before it travels."""
    numbered = [f"c{number}" for number in range(len(columns))]
    values = ", ".join(f"left({name}::text, {MOST_CHARACTERS})" for name in numbered)
    asked = f"FROM (\n{text}\n) AS asked({', '.join(numbered)}) LIMIT {most_rows + 1}"
    cursor.execute(f"DECLARE answer NO SCROLL CURSOR FOR SELECT {values} {asked}")
    rows: list[Sequence[object]] = []
    while True:
        cursor.execute(f"SET LOCAL statement_timeout = {max(1, int(budget.seconds_left * 1000))}")
        cursor.execute(f"FETCH {_ROWS_PER_FETCH} FROM answer")
        fetched = cursor.fetchall()
        for row in fetched:
            if len(rows) >= most_rows or not budget.take(row):
                return SqlAnswer(columns, rows, True, budget.seconds_taken)
            rows.append(row)
        if len(fetched) < _ROWS_PER_FETCH:
            return SqlAnswer(columns, rows, False, budget.seconds_taken)


def _told(error: DatabaseError, seconds: float) -> str:
    code = getattr(error.__cause__, "pgcode", None)
    if code == "57014":
        return f"Stopped after {seconds:g} seconds: ask for fewer rows, or for a shorter time."
    if code == "55P03":
        return "A table is locked by another session: try again."
    # Without the line that points into what was put around the statement.
    return str(error).split("\nLINE", 1)[0].strip()
