"""One attempt at work that waits in the database: taking it, keeping it, and what becomes of it.

Whoever takes work writes a token and a lease; only who holds the token may say what became of it. A process that died,
or was paused for longer than its lease, is overtaken by another, and what it says afterwards is not heard.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any, TypeVar

from django.db import DatabaseError, connection, connections, transaction
from django.db.models import F, Q, QuerySet

from jobs.domain import backoff
from jobs.models import Work
from jobs.services import clock, dead_letters

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
RENEW_SECONDS = 15.0
# Whatever takes longer hangs, and is taken over.
LONGEST = timedelta(hours=6)
MOST_CHARACTERS = 2000
State = Work.State
_rng = SystemRandom()

W = TypeVar("W", bound=Work)


class Overtaken(Exception):
    """Another process has taken the work over since; nothing of this attempt counts."""


def new_lease(now: datetime) -> dict[str, Any]:
    """Return the values of work that this process begins now."""
    return {
        "state": State.RUNNING,
        "token": uuid.uuid4(),
        "lease_expires_at": now + LEASE,
        "started_at": now,
        "due_at": None,
        "rung_at": None,
    }


def due(now: datetime) -> Q:
    """Return the condition of work that may be started: it waits and its time has come, or its process is dead."""
    waits = Q(state__in=(State.QUEUED, State.FAILED), due_at__lte=now)
    return waits | Q(state=State.RUNNING, lease_expires_at__lte=now)


def take(rows: QuerySet[W], now: datetime) -> W | None:
    """Take the one row of ``rows`` for this process; None when it is not due, not there, or another was faster."""
    lease = new_lease(now)
    may_start = rows.filter(due(now), attempts__lte=backoff.RETRIES)
    if not may_start.update(attempts=F("attempts") + 1, **lease):
        return None
    return rows.filter(token=lease["token"]).get()


def perform(
    work: W, do: Callable[[], Mapping[str, Any] | None], *, in_transaction: bool, conclude: Callable[[W], None]
) -> None:
    """Do work that this process has taken, and record what became of it; raises what ``do`` raises.

    Args:
        work: The row taken; its fields are as recorded afterwards.
        do: Returns what is to be kept of it.
        in_transaction: Commit what ``do`` writes together with the record: both happen, or neither.
        conclude: Called in the transaction that records success or the end of all attempts.

    Raises:
        Overtaken: The lease had run out and another process has taken the work; with ``in_transaction`` all that ``do``
            wrote is undone.
    """
    with _renewing(work):
        try:
            if in_transaction:
                with transaction.atomic():
                    _succeed(work, do(), conclude)
            else:
                _succeed(work, do(), conclude)
        except Overtaken:
            raise
        except BaseException as error:
            _fail_safely(work, error, conclude)
            raise


def bury_exhausted(work: W, conclude: Callable[[W], None]) -> bool:
    """Give up work whose process died at the last attempt; False when somebody has it."""
    now = clock.now()
    rows = type(work)._default_manager.filter(pk=work.pk, state=State.RUNNING, lease_expires_at__lte=now)
    error = f"Its process died or was paused at each of {work.attempts} attempts; the worker's log may say why."
    with transaction.atomic():
        if not rows.update(state=State.DEAD, error=error, finished_at=now, token=None, lease_expires_at=None):
            return False
        work.refresh_from_db()
        dead_letters.keep(work, now)
        conclude(work)
    return True


def _succeed(work: W, result: Mapping[str, Any] | None, conclude: Callable[[W], None]) -> None:
    values: dict[str, Any] = {"state": State.SUCCEEDED, "error": "", "finished_at": clock.now()}
    if hasattr(work, "result"):
        values |= {"result": dict(result or {}), "progress": {}}
    with transaction.atomic():
        _record(work, values)
        conclude(work)


def _fail_safely(work: W, error: BaseException, conclude: Callable[[W], None]) -> None:
    """Record a failure; where even that fails, the lease runs out and the work is taken over."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    try:
        _fail(work, error, conclude)
    except Overtaken as overtaken:
        logger.warning("%s", overtaken)
    except DatabaseError:
        logger.exception("The failure of %s could not be recorded", work)


def _fail(work: W, error: BaseException, conclude: Callable[[W], None]) -> None:
    now = clock.now()
    text = f"{type(error).__name__}: {error}".replace("\0", "")[:MOST_CHARACTERS]
    values: dict[str, Any] = {"error": text, "finished_at": now}
    is_dead = backoff.is_exhausted(work.attempts)
    if is_dead:
        values |= {"state": State.DEAD}
    else:
        values |= {"state": State.FAILED, "due_at": now + backoff.pause(work.attempts, _rng)}
    with transaction.atomic():
        _record(work, values)
        if is_dead:
            dead_letters.keep(work, now)
            conclude(work)


def _record(work: Work, values: dict[str, Any]) -> None:
    held = type(work)._default_manager.filter(pk=work.pk, token=work.token)
    values = {**values, "token": None, "lease_expires_at": None, "rung_at": None}
    if not held.update(**values):
        raise Overtaken(f"{work} was taken over by another process: what this one found is dropped.")
    for name, value in values.items():
        setattr(work, name, value)


@contextmanager
def _renewing(work: Work) -> Iterator[None]:
    """Keep the lease while the block runs, from a thread: the work itself may be at one thing for long."""
    done = threading.Event()
    thread = threading.Thread(target=renew, args=(work, work.token, done), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def renew(work: Work, token: uuid.UUID | None, done: threading.Event) -> None:
    """Prolong a lease every 15 seconds until it is done; closes this thread's connections to the database."""
    try:
        for _ in range(int(LONGEST.total_seconds() / RENEW_SECONDS)):
            if done.wait(RENEW_SECONDS):
                break
            # A database that is away for a moment costs nothing but this time's renewal.
            with suppress(DatabaseError):
                held = type(work)._default_manager.filter(pk=work.pk, token=token)
                held.update(lease_expires_at=clock.now() + LEASE)
            connections.close_all()
    finally:
        connections.close_all()
