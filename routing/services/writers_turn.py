"""Lets the processes that share one SQLite file write in turn.

SQLite itself makes a process that finds the file locked sleep and ask again, at growing intervals, so that of two busy
processes one starves. A lock on a file of our own is handed over at once. PostgreSQL needs none of this.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.db import connection


@contextmanager
def writers_turn() -> Iterator[None]:
    """Wait for this process's turn to write; returns at once where the database is no SQLite file."""
    path = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or path == ":memory:" or path.startswith("file:"):
        yield
        return
    descriptor = _lock_file(f"{path}-turn", os.getpid(), threading.get_ident())
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@cache
def _lock_file(path: str, process_id: int, thread_id: int) -> int:
    """Open the lock file once a thread: who shares a descriptor, as a child does with its parent, shares its lock."""
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
