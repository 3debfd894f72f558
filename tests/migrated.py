"""One migrated database for all workers of a test run, of which each gets a copy."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection


def begin_on_a_copy(folder: Path) -> None:
    """Make this worker's test database: by the migrations in the first worker that comes, by copying in the others.

    Args:
        folder: Belongs to the whole run; it holds what tells whether the original is there.
    """
    original = str(folder / "migrated.sqlite3") if connection.vendor == "sqlite" else "migrated"
    own = str(connection.settings_dict["TEST"]["NAME"])
    made = folder / "migrated.done"
    with _locked(folder / "migrated.lock"):
        if made.exists():
            _copy(original, own)
        else:
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            # PostgreSQL copies no database that somebody is in.
            connection.close()
            _copy(own, original)
            made.touch()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _copy(source: str, target: str) -> None:
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(source)) as opened, closing(sqlite3.connect(target)) as copy:
            opened.backup(copy)
        return
    quoted = connection.ops.quote_name
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(target)} TEMPLATE {quoted(source)}")
