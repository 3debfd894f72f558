"""Reads reports from a replica of the database, where one is named and fit; nothing else is read from there.

Only what is called through ``read`` or ``rows`` can reach the replica, and only for reading. Whatever decides reads
from the database itself because it does not call these: see docs/adr/0019.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from accounts.services.replica_watch import ALIAS, FAILURES, watch

T = TypeVar("T")
_END = object()
_is_reading: ContextVar[bool] = ContextVar("is_reading_from_replica", default=False)
# Who asks, and what they may, is decided while a page is made: never by what may be out of date.
_OF_CALLERS = frozenset({"admin", "auth", "axes", "contenttypes", "otp_static", "otp_totp", "sessions"})


class Router:
    """Sends the queries of a report to the replica, and everything else to the database itself."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return ALIAS if _is_reading.get() and model._meta.app_label not in _OF_CALLERS else DEFAULT_DB_ALIAS

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        # They hold the same rows.
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


def read(compute: Callable[[], T], *, has_arrived: Callable[[], bool] = lambda: True) -> T:
    """Return what a report computes, from the replica where that is fit, else from the database itself.

    Args:
        compute: Only reads. It is called again where the replica fails it.
        has_arrived: Asked on the replica first: whether it has what the report must not lack.

    Raises:
        Exception: Whatever computing raises on the database itself.
    """
    if not _is_reading.get() and watch.is_fit():
        try:
            with watch.reading(), _on_replica():
                if has_arrived():
                    return compute()
        except FAILURES as error:
            watch.note_failure(error)
    return compute()


def rows(found: Callable[[], Iterable[T]]) -> Iterator[T]:
    """Yield the rows of an export as they are read, from the replica where that is fit as the first one is asked for.

    Where the replica fails later, so does the export: what was sent cannot be taken back.
    """
    if watch.is_fit():
        try:
            reading = _each_on_replica(found)
            first = next(reading, _END)
        except FAILURES as error:
            watch.note_failure(error)
        else:
            if first is not _END:
                yield first  # type: ignore[misc]
                yield from reading
            return
    yield from found()


def _each_on_replica(found: Callable[[], Iterable[T]]) -> Iterator[T]:
    with watch.reading():
        with _on_replica():
            following = iter(found())
        while True:
            # Between two rows others are served, in the same context.
            with _on_replica():
                row = next(following, _END)
            if row is _END:
                return
            yield row  # type: ignore[misc]


@contextmanager
def _on_replica() -> Iterator[None]:
    token = _is_reading.set(True)
    try:
        yield
    finally:
        _is_reading.reset(token)
