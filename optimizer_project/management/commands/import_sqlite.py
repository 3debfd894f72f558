"""`manage.py import_sqlite FILE`: moves an installation from SQLite to PostgreSQL."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from optimizer_project.cli import progress
from optimizer_project.cli.console import Console
from optimizer_project.sqlite_import import importing
from optimizer_project.sqlite_import.source import NotImportable, Source
from optimizer_project.sqlite_import.tables import all_tables

# Of whatever takes less, only the sum is of interest.
_WORTH_A_LINE_SECONDS = 1.0


class Command(BaseCommand):
    help = (
        "Import a SQLite database of this product into the empty PostgreSQL database that DATABASE_URL or POSTGRES_* "
        "names: every table, converted, with sequences set, then compared row by row. The file is only read. Broken "
        "off anywhere, the same command goes on. Fails when a row is missing or differs."
    )
    # What is asked of the database here is asked by the import itself, with its own words.
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the SQLite database, such as data/optimizer.sqlite3")
        parser.add_argument("--compare-only", action="store_true", help="import nothing: compare both databases")
        parser.add_argument(
            "--leave-out", action="append", default=[], metavar="TABLE", help="a table not of this product to leave"
        )
        parser.add_argument(
            "--other-secret-key",
            action="store_true",
            help="import although SECRET_KEY is not that beside the file: API keys and all that is encrypted are lost",
        )

    def run_from_argv(self, argv: list[str]) -> None:
        # What this command says is for people; routine log lines would stand between its own.
        logging.disable(logging.INFO)
        super().run_from_argv(argv)

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(self.stdout)
        try:
            with closing(Source(options["file"])) as source:
                if options["compare_only"]:
                    self._compare(source, console)
                else:
                    self._import(source, console, options)
        except (NotImportable, importing.NotEqual, DatabaseError) as error:
            raise CommandError(str(error).strip()) from error

    def _compare(self, source: Source, console: Console) -> None:
        importing.check_migrations(source)
        outcome = importing.Outcome()
        importing.compare_all(source, all_tables(), _progress(console), outcome)
        console.line(f"Both hold the same: {sum(each.source.rows for each in outcome.compared):,} rows in all.")

    def _import(self, source: Source, console: Console, options: dict[str, Any]) -> None:
        if not options["other_secret_key"]:
            _require_same_secret_key(options["file"])
        outcome = importing.run(source, _progress(console), now=timezone.now(), left_out=options["leave_out"])
        rows = sum(each.source.rows for each in outcome.compared)
        console.table(
            ("table", "rows", "checksum of both"),
            [(each.table, f"{each.source.rows:,}", str(each.source)) for each in outcome.compared if each.source.rows],
        )
        if outcome.repaired_values:
            console.line(
                f"{outcome.repaired_values} values had a NUL, half a surrogate pair or no UTF-8, which PostgreSQL "
                "cannot hold; U+FFFD stands for each:"
            )
            for where in outcome.repaired:
                console.line(f"  {where}")
        console.line(f"Imported: {rows:,} rows in {len(outcome.compared)} tables, all equal on both sides.")


def _require_same_secret_key(file: Path) -> None:
    """Raise CommandError where keys hashed under the secret key of the source would be void in the target."""
    path = file.parent / "secret_key"
    if not path.is_file():
        return
    if path.read_text().strip() not in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        raise CommandError(
            f"SECRET_KEY is not that of {path}, under which the API keys were issued and everything encrypted was "
            "written: they would all be lost. Set SECRET_KEY to it, or add it to SECRET_KEY_FALLBACKS."
        )


def _progress(console: Console) -> importing.Progress:
    """Show a bar on a terminal, and a line for each piece of work that took long."""

    @contextmanager
    def show(name: str, size: int) -> Iterator[Callable[[int], None]]:
        started = time.monotonic()
        with progress.bar(size, name, unit="row") as bar:
            yield bar.to
        seconds = time.monotonic() - started
        if seconds >= _WORTH_A_LINE_SECONDS:
            console.line(f"{name}: {size:,} in {seconds:.1f} s")
            sys.stdout.flush()

    return show
