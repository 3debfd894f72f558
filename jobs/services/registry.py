"""The tasks of this version of the product."""

from functools import cache
from typing import Any

from celery import current_app


def is_job(name: str) -> bool:
    """Whether a task's runs are recorded."""
    return bool(getattr(_tasks().get(name), "is_job", False))


def jobs() -> list[str]:
    """Return the names of all tasks whose runs are recorded."""
    return [name for name in names() if is_job(name)]


def names() -> list[str]:
    """Return the names of all tasks, in order."""
    return sorted(_tasks())


def run(name: str) -> None:
    """Run a job here and now, by hand; raises what it raises."""
    _tasks()[name]()


def _tasks() -> dict[str, Any]:
    _load()
    found: dict[str, Any] = current_app.tasks
    return found


@cache
def _load() -> None:
    # A worker has loaded them as it started; any other process knows only those that it happened to import.
    current_app.autodiscover_tasks(force=True)
