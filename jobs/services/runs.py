"""Runs jobs: the work of a period exactly once, whoever starts it and however often."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from jobs import signals
from jobs.models import JobRun
from jobs.services import attempts, chains, clock, doorbell
from jobs.services.attempts import Overtaken

logger = logging.getLogger(__name__)

Work = Callable[[], Mapping[str, Any] | None]
Trigger = JobRun.Trigger
State = JobRun.State
_current: ContextVar[JobRun | None] = ContextVar("current_run", default=None)


class RunNotFound(Exception):
    """There is no such run."""


class SomeFailed(Exception):
    """The work on at least one part of a job failed; that on the others is done."""

    def __init__(self, failed: Mapping[str, str]) -> None:
        self.failed = dict(failed)
        super().__init__(f"Failed for {'; '.join(f'{part}: {reason}' for part, reason in self.failed.items())}")


class _Part(Protocol):
    @property
    def pk(self) -> Any: ...


class _Team(_Part, Protocol):
    @property
    def slug(self) -> str: ...


P = TypeVar("P", bound=_Part)
T = TypeVar("T", bound=_Team)
R = TypeVar("R")


def run(name: str, work: Work, *, period_key: str | None, trigger: str = Trigger.SCHEDULE) -> JobRun:
    """Do the work of a period unless it is done, under way, or waiting to be tried again; return its run.

    Args:
        name: Of the job; a task's name, where the scheduler is to start it again after a failure.
        work: Returns what is to be kept of it, which must be JSON.
        period_key: Names the period. None: the work is wanted now, whatever was done before.
        trigger: Of ``JobRun.Trigger``.

    Raises:
        Exception: What ``work`` raises, after that has been recorded.
    """
    now = clock.now()
    values: dict[str, Any] = {"created_at": now, "attempts": 1, "trigger": trigger, **attempts.new_lease(now)}
    if period_key is None:
        return _perform(JobRun.objects.create(name=name, **values), work)
    new = JobRun(name=name, period_key=period_key, **values)
    JobRun.objects.bulk_create([new], ignore_conflicts=True)
    rows = JobRun.objects.filter(name=name, period_key=period_key)
    found = rows.get()
    held = found if found.token == new.token else attempts.take(rows, now)
    if held is None:
        logger.info("%s of %s is %s already", name, period_key, found.state)
        return found
    return _perform(held, work)


def resume(run_id: int, work: Work) -> JobRun:
    """Do the work of a run that waits, or whose process died; return it as it is where it is not due.

    Raises:
        RunNotFound: There is no such run.
        Exception: What ``work`` raises, after that has been recorded.
    """
    rows = JobRun.objects.filter(pk=run_id)
    held = attempts.take(rows, clock.now())
    if held is not None:
        return _perform(held, work)
    found = rows.first()
    if found is None:
        raise RunNotFound(f"There is no job run {run_id}: it may have been deleted with its age.")
    return found


def enqueue(name: str, *, period_key: str, trigger: str, now: datetime) -> bool:
    """Write down that a job is to run for a period, once the transaction is committed; False when it is already."""
    rows = JobRun.objects.filter(name=name, period_key=period_key)
    if rows.exists():
        return False
    new = JobRun(name=name, period_key=period_key, trigger=trigger, created_at=now, due_at=now)
    JobRun.objects.bulk_create([new], ignore_conflicts=True)
    doorbell.ring_on_commit(rows.get())
    return True


def bury_exhausted(run: JobRun) -> bool:
    """Give up a run whose process died at its last attempt; False when somebody has it."""
    if not attempts.bury_exhausted(run, conclude):
        return False
    _tell(run, timedelta())
    return True


def conclude(ended: JobRun) -> None:
    """Do what follows from a run that succeeded or was given up: its chain goes on; in the same transaction."""
    is_chained = ended.trigger == Trigger.CHAIN
    following = chains.next_after(ended.name, ended.period_key, is_chained=is_chained)
    if following is not None and ended.period_key is not None:
        enqueue(following, period_key=ended.period_key, trigger=Trigger.CHAIN, now=clock.now())


def for_each_team(teams: Iterable[T], work: Callable[[T], R], *, step: str = "teams") -> dict[str, R]:
    """Do something for each team, as ``for_each`` does; the results are by slug."""
    return for_each(teams, work, step=step, name=lambda team: team.slug)


def for_each(parts: Iterable[P], work: Callable[[P], R], *, step: str, name: Callable[[P], str]) -> dict[str, R]:
    """Do something for each part of a job; what fails with one is logged and stops none of the others.

    Inside a run, parts that are done are noted by their key: a retry, or whoever takes the run over, does the others
    only. A process that is killed between a part's work and its note does that one part twice.

    Args:
        step: Tells several passes of one job apart.
        name: Says which part it is, to people; different for each.

    Returns:
        What came of each part that was done now, by name.

    Raises:
        SomeFailed: At the end, with the reason of each.
    """
    current = _current.get()
    done = current.progress.setdefault(step, []) if current else []
    results: dict[str, R] = {}
    failed: dict[str, str] = {}
    for part in parts:
        if part.pk in done:
            continue
        try:
            results[name(part)] = work(part)
        except Exception as error:
            logger.exception("%s failed for %s", current or step, name(part))
            failed[name(part)] = f"{type(error).__name__}: {error}"
            continue
        done.append(part.pk)
        if current:
            JobRun.objects.filter(pk=current.pk, token=current.token).update(progress=current.progress)
    if failed:
        raise SomeFailed(failed)
    return results


def _perform(held: JobRun, work: Work) -> JobRun:
    inside = _current.set(held)
    started_at = held.started_at
    try:
        attempts.perform(held, work, in_transaction=False, conclude=conclude)
    except Overtaken as error:
        logger.warning("%s", error)
        return held
    finally:
        _current.reset(inside)
        if held.state != State.RUNNING and held.finished_at and started_at:
            _tell(held, held.finished_at - started_at)
    logger.info("%s %s succeeded: %s", held.name, held.period_key or "by hand", held.result)
    return held


def _tell(ended: JobRun, took: timedelta) -> None:
    seconds = max(took.total_seconds(), 0.0)
    signals.run_ended.send_robust(JobRun, name=ended.name, outcome=ended.state, seconds=seconds)
