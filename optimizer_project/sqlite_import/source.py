"""The SQLite database that is imported: opened for reading only, and read as it was when it was opened."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from optimizer_project.sqlite_import.conversion import decode

_INSTANCES = "routing_gatewayinstance"
# Not of the product: SQLite's own, and Django's list of migrations, which the target writes for itself.
_OWN_TABLES = ("sqlite_", "django_migrations")
_SHOWN = 10


class NotImportable(Exception):
    """The file cannot be imported as it is; the message names the cure."""


class Source:
    """One file; ``close`` ends the reading."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises NotImportable where it is no database of the product."""
        if not path.is_file():
            raise NotImportable(f"There is no file {path}.")
        self.path = path
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, isolation_level=None
            )
            self._connection.execute("BEGIN")
            self.migrations = self._read_migrations()
        except sqlite3.DatabaseError as error:
            raise NotImportable(f"{path} cannot be read as an SQLite database of this product: {error}.") from error

    def close(self) -> None:
        self._connection.close()

    @property
    def identity(self) -> str:
        """What tells this installation's database from any other, wherever the file lies."""
        text = "\n".join(f"{app} {name} {applied}" for (app, name), applied in sorted(self.migrations.items()))
        return hashlib.sha256(text.encode()).hexdigest()

    def tables(self) -> set[str]:
        rows = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in rows if not name.startswith(_OWN_TABLES)}

    def columns(self, table: str) -> set[str]:
        return {name for (name,) in self._connection.execute("SELECT name FROM pragma_table_info(?)", [table])}

    def count(self, table: str) -> int:
        (count,) = self._connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608 - our table
        return int(count)

    def last_number(self, table: str) -> int:
        """Return the highest automatic number that was ever given in this table; 0 where none was."""
        try:
            found = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", [table]).fetchone()
        except sqlite3.OperationalError:
            # There is no such list where no table counts.
            return 0
        return int(found[0]) if found else 0

    def rows(self, table: str, columns: Sequence[str], *, after: int | None) -> Iterator[tuple[Any, ...]]:
        """Yield the rows in the order of their row number, which comes first, beginning after the number ``after``."""
        while True:
            try:
                for row in self._select(table, columns, after):
                    after = row[0]
                    yield row
                return
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
            row = self._next_with_damaged_text(table, columns, after)
            after = row[0]
            yield row

    def require_consistent(self) -> None:
        """Raise NotImportable where rows name others that are not there: PostgreSQL would not take them."""
        broken = self._connection.execute("PRAGMA foreign_key_check").fetchmany(_SHOWN)
        if broken:
            named = "; ".join(f"{table} row {row} names no row of {parent}" for table, row, parent, _ in broken)
            raise NotImportable(
                f"Rows of {self.path} refer to rows that are not there: {named}. Correct or delete them in a copy, "
                "and import that."
            )

    def require_stopped(self, *, now: datetime) -> None:
        """Raise NotImportable while a web process writes: what came after the reading would be lost."""
        if _INSTANCES not in self.tables():
            return
        with closing(self._connection.cursor()) as cursor:
            (lease,) = cursor.execute(f"SELECT max(lease_expires_at) FROM {_INSTANCES}").fetchone()  # noqa: S608
        if lease and datetime.fromisoformat(lease).replace(tzinfo=UTC) > now:
            raise NotImportable(
                f"A web process still works on {self.path}, or did until a moment ago. Stop everything that uses it; "
                "if a process was killed, try again in a minute."
            )

    def _read_migrations(self) -> dict[tuple[str, str], str]:
        rows = self._connection.execute("SELECT app, name, applied FROM django_migrations")
        return {(app, name): applied for app, name, applied in rows}

    def _select(self, table: str, columns: Sequence[str], after: int | None) -> sqlite3.Cursor:
        named = ", ".join(f'"{column}"' for column in columns)
        condition, values = ("", []) if after is None else ("WHERE rowid > ?", [after])
        return self._connection.execute(
            f'SELECT rowid, {named} FROM "{table}" {condition} ORDER BY rowid',  # noqa: S608 - our table
            values,
        )

    def _next_with_damaged_text(self, table: str, columns: Sequence[str], after: int | None) -> tuple[Any, ...]:
        self._connection.text_factory = decode
        try:
            row: tuple[Any, ...] = self._select(table, columns, after).fetchone()
            return row
        finally:
            self._connection.text_factory = str
