"""Keeps the last state of tasks that come every few seconds or minutes, without writing each time."""

import time
from collections.abc import Callable
from datetime import timedelta

from django.db.models import F

from jobs.models import Pulse
from jobs.services import clock

# A success that follows another is written down so often.
EVERY = timedelta(minutes=1)
_MOST_CHARACTERS = 2000
# When this process last wrote down a success, by the monotonic clock; a task that failed is not in it.
_written: dict[str, float] = {}


def beat(name: str, work: Callable[[], object]) -> None:
    """Do the work; write down a failure always, the first success after it, and then one a minute.

    Raises:
        Exception: What ``work`` raises.
    """
    try:
        work()
    except Exception as error:
        _written.pop(name, None)
        _note_failure(name, f"{type(error).__name__}: {error}".replace("\0", "")[:_MOST_CHARACTERS])
        raise
    last = _written.get(name)
    if last is None or time.monotonic() - last >= EVERY.total_seconds():
        _note_success(name)
        _written[name] = time.monotonic()


def forget() -> None:
    """Write down the next success of every task."""
    _written.clear()


def _note_success(name: str) -> None:
    values = {"is_failing": False, "last_success_at": clock.now(), "failing_since": None, "failures": 0}
    Pulse.objects.update_or_create(name=name, defaults=values)


def _note_failure(name: str, error: str) -> None:
    now = clock.now()
    Pulse.objects.get_or_create(name=name)
    Pulse.objects.filter(name=name, is_failing=False).update(is_failing=True, failing_since=now)
    Pulse.objects.filter(name=name).update(last_failure_at=now, failures=F("failures") + 1, error=error)
