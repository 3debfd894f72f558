"""Makes tasks of functions: ``job`` for what is done once a period, ``pulse`` for what comes every few moments.

    @job
    def refresh_prices() -> dict[str, int]:
        return prices.refresh(now=database_clock.now())

A job's runs are rows, by which it is tried again, taken over, and never done twice. A pulse that fails is not tried
again: the next one comes soon, and only its last state is kept. What comes oftener than hourly is a pulse.
"""

from collections.abc import Callable, Mapping
from typing import Any

from celery import Task, shared_task

from jobs.models import JobRun
from jobs.selectors import schedules
from jobs.services import clock, pulses, runs

# Set by our scheduler alone, so that "run now" in the admin is not taken for the period's own run.
SCHEDULED_ENTRY = "scheduled_entry"


class JobTask(Task):
    """A task whose runs are recorded."""

    abstract = True
    is_job = True


class PulseTask(Task):
    """A task of which the last state is kept."""

    abstract = True
    is_pulse = True


def job(work: Callable[[], Mapping[str, Any] | None]) -> Any:
    """Make a task of a job; called as a function, it runs here and now, by hand."""

    def task(self: Task, *, run_id: int | None = None, **_kwargs: Any) -> None:
        if run_id is not None:
            runs.resume(run_id, work)
            return
        key, trigger = period_of(self.request)
        runs.run(self.name, work, period_key=key, trigger=trigger)

    return shared_task(bind=True, base=JobTask, name=_name(work))(task)


def pulse(work: Callable[[], object]) -> Any:
    """Make a task of something that comes so often that a record of each would say nothing."""

    def task(self: Task, **_kwargs: Any) -> None:
        pulses.beat(self.name, work)

    return shared_task(bind=True, base=PulseTask, name=_name(work))(task)


def _name(work: Callable[..., Any]) -> str:
    return f"{work.__module__}.{work.__name__}"


def period_of(request: Any) -> tuple[str | None, str]:
    """Return the key of the period that a message is for, and what started it."""
    if request.id is None:
        return None, JobRun.Trigger.MANUAL
    entry = (request.headers or {}).get(SCHEDULED_ENTRY) or request.get(SCHEDULED_ENTRY)
    key = schedules.period_key(entry, clock.now()) if entry else None
    if key is not None:
        return key, JobRun.Trigger.SCHEDULE
    # Delivered twice, a message is still one wish.
    return f"message {request.id}", JobRun.Trigger.MANUAL
