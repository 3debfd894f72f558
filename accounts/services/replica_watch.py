"""Watches the replica of the database: whether reports may be read from it.

A thread of each process that reads from it asks once a second how far it is behind. A replica that is away, has gone
silent, lags or is none of this database is not read from until it is fit again; who was reading meanwhile is let go.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections

from accounts.services import bounded_wait
from accounts.services.bounded_wait import Line

logger = logging.getLogger(__name__)

ALIAS = "replica"
LOOK_EVERY_SECONDS = 1.0
LOOK_SECONDS = 3.0
# What was found out longer ago is no longer known.
KNOWN_SECONDS = 10.0
_IDENTITY = "(SELECT system_identifier FROM pg_control_system()), current_database()"
_ORIGINAL = f"SELECT {_IDENTITY}, pg_current_wal_lsn()::text, clock_timestamp()"
_REPLICA = f"SELECT {_IDENTITY}, pg_last_wal_replay_lsn() >= %s::pg_lsn, pg_last_xact_replay_timestamp()"
FAILURES = (DatabaseError, InterfaceError)


class NotAReplica(Exception):
    """The replica that the settings name is none of this database, or has nothing of it yet."""


def is_configured() -> bool:
    return ALIAS in settings.DATABASES


def lag_seconds() -> float:
    """Ask both databases, and return how many seconds the replica is behind at most.

    Zero where it has all that was committed when it was asked. Otherwise what it lacks was committed after the last
    transaction that it has, whose age is the answer; both times are of the original's clock. So a replica that has
    lost its original is told from one that has nothing to do.

    Raises:
        NotAReplica: It is another database, no replica any longer, or has replayed nothing yet.
        DatabaseError, InterfaceError: One of them does not answer.
    """
    *original, position, now = _asked(DEFAULT_DB_ALIAS, _ORIGINAL)
    *replica, has_all, newest_at = _asked(ALIAS, _REPLICA, position)
    if replica != original:
        raise NotAReplica("DATABASE_REPLICA_URL names another database than the one it is to be a replica of.")
    if has_all is None:
        raise NotAReplica("DATABASE_REPLICA_URL names a database that is no replica, or one no longer.")
    if not has_all and newest_at is None:
        raise NotAReplica("The replica has replayed nothing yet.")
    return 0.0 if has_all else max(0.0, float((now - newest_at).total_seconds()))


def _asked(alias: str, question: str, *arguments: str) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(question, arguments or None)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


class Watch:
    """What one process knows of the replica; it begins to look when it is first asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()
        # The lag, and when it was found out by the monotonic clock.
        self._known: tuple[float, float] | None = None
        self._was_fit = True
        self._readers: set[Line] = set()

    def is_fit(self) -> bool:
        """Say whether reports may be read from the replica now, as far as is known; asks nobody."""
        if not is_configured():
            return False
        self._begin()
        if self._known is None:
            return False
        lag, known_at = self._known
        age = time.monotonic() - known_at
        return age <= KNOWN_SECONDS and lag + age <= settings.DATABASE_REPLICA_MAX_LAG_SECONDS

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let this thread go, by an OperationalError, where the replica goes silent while the block reads from it."""
        line = Line(ALIAS)
        line.take()
        self._readers.add(line)
        try:
            yield
        except FAILURES:
            connections[ALIAS].close()
            raise
        finally:
            self._readers.discard(line)

    def note_failure(self, error: Exception) -> None:
        """Read from the database itself until the next look finds the replica fit."""
        self._known = None
        self._tell(is_fit=False, why=f"{type(error).__name__}: {error}".strip())

    def stop(self) -> None:
        """End the thread, until the next report; for tests."""
        with self._lock:
            self._is_over.set()
            if self._thread is not None:
                self._thread.join()
            self._thread, self._known = None, None

    def _begin(self) -> None:
        with self._lock:
            # A thread of the process that this one was forked from does not live on here.
            if self._thread is None or not self._thread.is_alive():
                self._is_over.clear()
                self._thread = threading.Thread(target=self._look_on, name="replica-watch", daemon=True)
                self._thread.start()

    def _look_on(self) -> None:
        try:
            while not self._is_over.is_set():
                self._look()
                self._is_over.wait(LOOK_EVERY_SECONDS)
        finally:
            connections.close_all()

    def _look(self) -> None:
        try:
            with bounded_wait.within(LOOK_SECONDS, DEFAULT_DB_ALIAS, ALIAS):
                lag = lag_seconds()
        except (*FAILURES, NotAReplica) as error:
            connections.close_all()
            self.note_failure(error)
            for line in tuple(self._readers):
                line.shut()
            return
        self._known = lag, time.monotonic()
        is_fit = lag <= settings.DATABASE_REPLICA_MAX_LAG_SECONDS
        self._tell(is_fit=is_fit, why=f"it is {lag:.1f} seconds behind")

    def _tell(self, *, is_fit: bool, why: str) -> None:
        """Say once in the log that it is fit no longer, and once that it is again."""
        if is_fit != self._was_fit:
            self._was_fit = is_fit
            if is_fit:
                logger.info("Reports are read from the replica again: %s", why)
            else:
                logger.warning("Reports are read from the database itself until its replica is fit: %s", why)


watch = Watch()
