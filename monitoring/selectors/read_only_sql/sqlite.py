"""A statement of staff on SQLite: on a connection that opened the file for reading, behind SQLite's own authorizer."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

from monitoring.selectors.read_only_sql.answer import (
    MOST_CHARACTERS,
    MOST_COLUMNS,
    SECONDS,
    WITHHELD_TABLES,
    Budget,
    SqlAnswer,
    StatementRefused,
    checked,
)

# Of one value, before it is cut: SQLite makes it in the memory of this process.
_MOST_BYTES_OF_A_VALUE = 1_000_000
_STEPS_BETWEEN_LOOKS = 10_000
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
# The only functions that reach out of the database or change how it works.
_REFUSED_FUNCTIONS = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})


def answer(statement: str, *, most_rows: int, seconds: float = SECONDS) -> SqlAnswer:
    """Run one SELECT and return at most ``most_rows`` of its rows.

    Raises:
        StatementRefused: The statement is not a single SELECT, is wrong, or takes too long.
    """
    text = checked(statement)
    budget = Budget(seconds=seconds)
    with _read_only(budget) as own:
        try:
            return _read(own.execute(text), most_rows, budget)
        except sqlite3.Error as error:
            raise StatementRefused(_told(error, seconds)) from error


@contextmanager
def _read_only(budget: Budget) -> Iterator[sqlite3.Connection]:
    address = f"{Path(connection.settings_dict['NAME']).resolve().as_uri()}?mode=ro"
    try:
        own = sqlite3.connect(address, uri=True, timeout=1, isolation_level=None)
    except sqlite3.Error as error:
        raise StatementRefused(f"The database cannot be opened for reading: {error}.") from error
    with closing(own):
        own.execute("PRAGMA query_only = ON")
        own.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES_OF_A_VALUE)
        own.set_authorizer(_authorize)
        own.set_progress_handler(lambda: int(budget.seconds_left < 0), _STEPS_BETWEEN_LOOKS)
        yield own


def _authorize(operation: int, first: str | None, second: str | None, *_: Any) -> int:
    if operation == sqlite3.SQLITE_READ and first in WITHHELD_TABLES:
        return sqlite3.SQLITE_DENY
    if operation == sqlite3.SQLITE_FUNCTION and second in _REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if operation in _ALLOWED else sqlite3.SQLITE_DENY


def _read(cursor: sqlite3.Cursor, most_rows: int, budget: Budget) -> SqlAnswer:
    columns = [column[0] for column in cursor.description or ()]
    if len(columns) > MOST_COLUMNS:
        raise StatementRefused(f"More than {MOST_COLUMNS} columns: name those that you want.")
    rows: list[list[object]] = []
    for found in cursor:
        row = [_shown(value) for value in found]
        if len(rows) >= most_rows or not budget.take(row):
            return SqlAnswer(columns, rows, True, budget.seconds_taken)
        rows.append(row)
    return SqlAnswer(columns, rows, False, budget.seconds_taken)


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return f"x'{value[: MOST_CHARACTERS // 2].hex()}'"
    return value[:MOST_CHARACTERS] if isinstance(value, str) else value


def _told(error: sqlite3.Error, seconds: float) -> str:
    text = str(error)
    if "interrupted" in text:
        return f"Stopped after {seconds:g} seconds: ask for fewer rows, or for a shorter time."
    if "not authorized" in text or "prohibited" in text or "not an error" in text:
        return f"Only a SELECT of the product's tables is run here ({text})."
    return text
