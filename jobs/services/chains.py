"""Jobs that follow one another: the next is written down in the transaction that ends the one before."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from jobs.domain import periods


def next_after(name: str, period_key: str | None, *, is_chained: bool) -> str | None:
    """Return the job that follows in the same period; None after the last, and of a job that was asked for by hand.

    A job within a chain that staff have given a schedule of its own stands alone as well: ``is_chained`` says that the
    one before it started it.

    A chain may come after another one, on one day of the week only (Monday is 0) by the day of its period.
    """
    due = periods.due_of(period_key or "")
    if due is None:
        return None
    for chain, entry in _chains().items():
        steps = list(entry["steps"])
        if name not in steps or not (is_chained or name == steps[0]):
            continue
        if name != steps[-1]:
            return str(steps[steps.index(name) + 1])
        return _first_of_the_following(chain, due.weekday())
    return None


def names() -> Iterable[str]:
    """Return every job that is part of a chain."""
    return [str(step) for entry in _chains().values() for step in entry["steps"]]


def _first_of_the_following(chain: str, weekday: int) -> str | None:
    for entry in _chains().values():
        if entry.get("after") == chain and entry.get("weekday", weekday) == weekday:
            return str(entry["steps"][0])
    return None


def _chains() -> Mapping[str, Mapping[str, Any]]:
    return settings.JOB_CHAINS
