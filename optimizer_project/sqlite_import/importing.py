"""The import from beginning to end, going on where an earlier one was broken off."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from optimizer_project.sqlite_import import target
from optimizer_project.sqlite_import.comparison import Compared, compare
from optimizer_project.sqlite_import.conversion import Unconvertible
from optimizer_project.sqlite_import.source import NotImportable, Source
from optimizer_project.sqlite_import.tables import Table, all_tables

ROWS_PER_BATCH = 5_000
# Of text; answers and models are large, and a batch is in memory twice.
_CHARACTERS_PER_BATCH = 32 * 1024 * 1024
_REPAIRS_NAMED = 20

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows a piece of work: given its name and its size, calls of what it yields say how far it is."""


@dataclass
class Outcome:
    """What was compared and copied in this run, and where, in all runs, characters were replaced."""

    compared: list[Compared] = field(default_factory=list)
    copied_rows: int = 0
    repaired_values: int = 0
    repaired: list[str] = field(default_factory=list)

    def note_repair(self, table: Table, number: int, column: str) -> None:
        self.repaired_values += 1
        if len(self.repaired) < _REPAIRS_NAMED:
            self.repaired.append(f"{table.name} row {number}, {column}")


class NotEqual(Exception):
    """After the import the two databases differ; the message says where."""


def run(source: Source, progress: Progress, *, now: datetime, left_out: Sequence[str] = ()) -> Outcome:
    """Import all rows of ``source`` into the default database, which must be empty, and compare both afterwards.

    A run that was broken off anywhere is taken up by the same call. Nothing in the source is changed.

    Args:
        source: Is read as of one moment.
        progress: Is told of each piece of work.
        now: To see whether a process still works on the source.
        left_out: Tables of the source that are not of the product and may stay behind.

    Raises:
        NotImportable: The source or the target is not fit for it; the message names the cure.
        NotEqual: Rows are missing or differ. The notes of the import stay, so that another run compares again.
    """
    tables = all_tables()
    _check_source(source, tables, now=now, left_out=left_out)
    target.lock()
    _prepare(source, tables)
    outcome = Outcome()
    if target.stage() == target.COPYING:
        for table in tables:
            _copy(source, table, outcome, progress)
        with progress("indexes and keys", 1):
            target.complete(tables, {table.name: source.last_number(table.name) for table in tables})
    compare_all(source, tables, progress, outcome)
    target.end()
    return outcome


def compare_all(source: Source, tables: Sequence[Table], progress: Progress, outcome: Outcome) -> None:
    """Compare every table of both databases. Raises NotEqual where one differs, after comparing them all."""
    for table in tables:
        with progress(f"comparing {table.name}", 2 * source.count(table.name)) as done:
            outcome.compared.append(compare(source, table, done, outcome.note_repair))
    if different := [each for each in outcome.compared if not each.is_equal]:
        raise NotEqual("\n".join(map(_told, different)))


def check_migrations(source: Source) -> None:
    """Raise NotImportable where the source was made by another release than this one."""
    ours = set(MigrationLoader(None).disk_migrations)
    if missing := sorted(ours - set(source.migrations)):
        raise NotImportable(
            f"{source.path} is of an earlier release: {len(missing)} migrations are missing, such as "
            f"{'.'.join(missing[0])}. Bring it up to date first: DATABASE_URL=sqlite:///{source.path.resolve()} "
            "manage.py migrate"
        )
    if unknown := sorted(set(source.migrations) - ours):
        raise NotImportable(
            f"{source.path} is of a later release: this one does not know its migration {'.'.join(unknown[0])}. "
            "Import it with the release that wrote it."
        )


def _check_source(source: Source, tables: Sequence[Table], *, now: datetime, left_out: Sequence[str]) -> None:
    if connection.vendor != "postgresql":
        raise NotImportable(
            "The target is not PostgreSQL. Name an empty database in DATABASE_URL, such as "
            "postgresql://user:password@host:5432/name."
        )
    check_migrations(source)
    if unknown := sorted(source.tables() - {table.name for table in tables} - set(left_out)):
        raise NotImportable(
            f"{source.path} has tables that are not of this product: {', '.join(unknown)}. To leave them behind: "
            + " ".join(f"--leave-out {name}" for name in unknown)
        )
    source.require_stopped(now=now)
    source.require_consistent()


def _prepare(source: Source, tables: Sequence[Table]) -> None:
    """Bring an empty target, or one where this was broken off, to where rows can be copied."""
    if target.stage() is None:
        target.begin(source.identity)
    target.require_same_source(source.identity)
    if target.stage() == target.MIGRATING:
        call_command("migrate", interactive=False, verbosity=0)
        target.make_ready(tables)


def _copy(source: Source, table: Table, outcome: Outcome, progress: Progress) -> None:
    reached = target.place(table)
    with progress(f"copying {table.name}", source.count(table.name)) as done:
        done(reached.rows)
        for numbers, lines in _batches(source, table, reached.last):
            reached = target.Place(numbers[-1], reached.rows + len(lines))
            try:
                target.append(table, lines, reached)
            except target.Rejected as error:
                where = f"row {numbers[error.line - 1]}" if error.line else f"rows {numbers[0]} to {numbers[-1]}"
                raise _unfit(table, where, error) from error
            outcome.copied_rows += len(lines)
            done(reached.rows)


def _batches(source: Source, table: Table, after: int | None) -> Iterator[tuple[list[int], list[str]]]:
    """Yield row numbers and lines of COPY, limited in rows and in size."""
    numbers: list[int] = []
    lines: list[str] = []
    size = 0
    for number, *values in source.rows(table.name, table.column_names, after=after):
        lines.append(_line(table, number, tuple(values)))
        numbers.append(number)
        size += len(lines[-1])
        if len(lines) == ROWS_PER_BATCH or size > _CHARACTERS_PER_BATCH:
            yield numbers, lines
            numbers, lines, size = [], [], 0
    if lines:
        yield numbers, lines


def _line(table: Table, number: int, values: tuple[Any, ...]) -> str:
    try:
        return table.line(values)
    except Unconvertible as error:
        raise _unfit(table, f"row {number}", error) from error


def _unfit(table: Table, where: str, error: Exception) -> NotImportable:
    return NotImportable(
        f"{table.name} {where} does not fit into PostgreSQL: {error}. Correct it in SQLite (it is the rowid there) and "
        "run the same command again: it goes on from there."
    )


def _told(each: Compared) -> str:
    rows = f"{each.source.rows} rows in SQLite, {each.target.rows} in PostgreSQL"
    return f"{each.table}: {rows}, checksums {each.source} and {each.target}; {'; '.join(each.examples)}"
