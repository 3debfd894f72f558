"""Counts and times the statements of this process, and its rollbacks, for Prometheus."""

import time
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.services import telemetry

# By the first letters of a statement; everything else (BEGIN, SAVEPOINT, PRAGMA, …) is `other`.
_OPERATIONS = {
    "SELECT": "select",
    "INSERT": "insert",
    "UPDATE": "update",
    "DELETE": "delete",
    "WITH": "select",
    "EXECUTE": "execute",
}
_LONGEST = max(map(len, _OPERATIONS))


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Begin to count what a connection does; a receiver of ``connection_created``, which comes at each reconnection."""
    if _measured in connection.execute_wrappers:
        return
    connection.execute_wrappers.append(_measured)
    roll_back = connection.rollback

    def counted_rollback() -> None:
        note_rollback()
        roll_back()

    # Django tells nobody that a transaction was rolled back.
    setattr(connection, "rollback", counted_rollback)  # noqa: B010 - mypy refuses a method to be assigned


def note(operation: str, seconds: float) -> None:
    """Count a statement, or several that were sent as one."""
    telemetry.observe("db_query_duration_seconds", seconds, operation=operation)
    telemetry.count("db_queries_total", operation=operation)


def note_rollback() -> None:
    telemetry.count("db_rollbacks_total")


def _measured(execute: Callable[..., Any], sql: object, params: Any, many: bool, context: Any) -> Any:
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        note(_operation(sql), time.perf_counter() - started)


def _operation(sql: object) -> str:
    words = sql.lstrip()[: _LONGEST + 1].split(None, 1) if isinstance(sql, str) else ()
    return _OPERATIONS.get(words[0].upper(), "other") if words else "other"
