"""The PostgreSQL database that is filled, and the notes in it of how far that has got.

Every step leaves the database in a state from which the same command goes on: rows are committed together with the
note of the last of them, and what is taken away for the time of the copying is noted before.
"""

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
from django.db import connection, transaction

from optimizer_project.sqlite_import.source import NotImportable
from optimizer_project.sqlite_import.tables import Table

_NOTES = "sqlite_import"
_PROGRESS = "sqlite_import_progress"
# Any number, as long as nothing else in this database takes the same.
_LOCK = 7_203_114_508_211
_LINE = re.compile(r", line (\d+)")
MIGRATING, COPYING, CHECKING = "migrating", "copying", "checking"


class Rejected(Exception):
    """PostgreSQL did not take a batch of rows; ``line`` counts from one, and is None where it does not say."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Place:
    """How far a table has been copied: the last row number of SQLite, and the number of rows."""

    last: int | None = None
    rows: int = 0


def lock() -> None:
    """Keep every other import out until this connection ends. Raises NotImportable where one goes on."""
    if not _value("SELECT pg_try_advisory_lock(%s)", _LOCK):
        raise NotImportable("Another import into this database is going on. Wait for it, or end it.")


def stage() -> str | None:
    """Return how far an import into this database has got; None where none has begun."""
    if not _value("SELECT to_regclass(%s)", _NOTES):
        return None
    return str(_value(f"SELECT stage FROM {_NOTES}"))  # noqa: S608 - our table


def begin(identity: str) -> None:
    """Note in an empty database that an import into it has begun. Raises NotImportable where it is not empty."""
    with transaction.atomic():
        tables = [name for (name,) in _rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")]
        if tables:
            raise NotImportable(
                f"The database {connection.settings_dict['NAME']} is not empty: it has {len(tables)} tables, such as "
                f"{min(tables)}. Nothing was changed. Name a new, empty one in DATABASE_URL; the import makes the "
                "tables itself."
            )
        _do(f"CREATE TABLE {_NOTES} (source text NOT NULL, stage text NOT NULL, definitions text NOT NULL)")
        _do(f"CREATE TABLE {_PROGRESS} (name text PRIMARY KEY, last_row bigint NOT NULL, row_count bigint NOT NULL)")
        _do(f"INSERT INTO {_NOTES} VALUES (%s, %s, '[]')", identity, MIGRATING)  # noqa: S608 - our table


def require_same_source(identity: str) -> None:
    """Raise NotImportable where another file's import has begun in this database."""
    if _value(f"SELECT source FROM {_NOTES}") != identity:  # noqa: S608 - our table
        raise NotImportable(
            "An import of another file into this database was begun and has not ended. Finish that one, or name "
            "another, empty database in DATABASE_URL."
        )


def make_ready(tables: Sequence[Table]) -> None:
    """Empty the tables of what migrations put in, and take keys and indexes away that would slow each row down."""
    names = [table.name for table in tables]
    with transaction.atomic():
        _do(f"TRUNCATE {', '.join(map(_quoted, names))}")
        definitions = [*_take_away_foreign_keys(names), *_take_away_indexes(names)]
        _do(f"UPDATE {_NOTES} SET stage = %s, definitions = %s", COPYING, json.dumps(definitions))  # noqa: S608


def complete(tables: Sequence[Table], last_numbers: dict[str, int]) -> None:
    """Make keys and indexes again, and let every sequence go on after the highest number that was ever given."""
    with transaction.atomic():
        for definition in json.loads(str(_value(f"SELECT definitions FROM {_NOTES}"))):  # noqa: S608 - our table
            _do(definition)
        for table in tables:
            if table.counted_column:
                _reset_sequence(table, last_numbers[table.name])
        _do(f"UPDATE {_NOTES} SET stage = %s", CHECKING)  # noqa: S608 - our table
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def end() -> None:
    """Take the notes away: the import is done."""
    _do(f"DROP TABLE {_NOTES}, {_PROGRESS}")


def place(table: Table) -> Place:
    """Return how far this table has been copied."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT last_row, row_count FROM {_PROGRESS} WHERE name = %s", [table.name])  # noqa: S608
        found = cursor.fetchone()
    return Place(*found) if found else Place()


def append(table: Table, lines: Sequence[str], reached: Place) -> None:
    """Add rows, given as lines of COPY, and note that they are there: both or neither. Raises Rejected."""
    text = io.StringIO("".join(f"{line}\n" for line in lines))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.cursor.copy_expert(f"COPY {_quoted(table.name)} ({_listed(table)}) FROM STDIN", text)
            cursor.execute(
                f"INSERT INTO {_PROGRESS} VALUES (%s, %s, %s) "  # noqa: S608 - our table
                "ON CONFLICT (name) DO UPDATE SET last_row = excluded.last_row, row_count = excluded.row_count",
                [table.name, reached.last, reached.rows],
            )
    except (psycopg2.DataError, psycopg2.IntegrityError) as error:
        line = _LINE.search(error.diag.context or "")
        raise Rejected(error.diag.message_primary or str(error), int(line[1]) if line else None) from error


def read(table: Table, use: Callable[[str], None]) -> None:
    """Call ``use`` with every row of the table as a line of COPY, in no order."""
    with transaction.atomic(), connection.cursor() as cursor:
        # In this way the texts that are compared were written.
        cursor.execute("SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL bytea_output = 'hex'")
        cursor.cursor.copy_expert(f"COPY {_quoted(table.name)} ({_listed(table)}) TO STDOUT", _Lines(use))


class _Lines(io.TextIOBase):
    """Takes what COPY writes, in whatever pieces, and hands it on line by line."""

    def __init__(self, use: Callable[[str], None]) -> None:
        self._use = use
        self._rest = ""

    def write(self, text: str, /) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._use(line)
        return len(text)


def _take_away_foreign_keys(names: Sequence[str]) -> Iterator[str]:
    """Drop them, and yield the statements that make them again."""
    rows = _rows(
        "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE contype = 'f' AND conrelid = ANY(%s::regclass[])",
        list(map(_quoted, names)),
    )
    for table, name, definition in rows:
        _do(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"


def _take_away_indexes(names: Sequence[str]) -> Iterator[str]:
    """Drop those that hold no rule, and yield the statements that make them again."""
    rows = _rows(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE NOT indisunique AND indrelid = ANY(%s::regclass[])",
        list(map(_quoted, names)),
    )
    for name, definition in rows:
        _do(f"DROP INDEX {name}")
        yield definition


def _reset_sequence(table: Table, last_number: int) -> None:
    column = table.counted_column
    highest = _value(f'SELECT max("{column}") FROM {_quoted(table.name)}')  # noqa: S608 - our table
    number = max(int(highest or 0), last_number)
    _do(
        "SELECT setval(pg_get_serial_sequence(%s, %s), %s, %s)",
        *(_quoted(table.name), column, max(number, 1), number > 0),
    )


def _listed(table: Table) -> str:
    return ", ".join(map(_quoted, table.column_names))


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _do(statement: str, *values: str | int | bool | list[str] | None) -> None:
    with connection.cursor() as cursor:
        # Without values a percent sign in a definition stays what it is.
        cursor.execute(statement, values or None)


def _rows(statement: str, *values: str | int | bool | list[str] | None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _value(statement: str, *values: str | int | bool | list[str] | None) -> Any:
    return _rows(statement, *values)[0][0]
