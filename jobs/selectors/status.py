"""How the work in the background goes."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Count, Max, Min, QuerySet

from jobs.models import DeadLetter, JobRun, OutboxMessage, Pulse, Work

# The sweeper comes every 15 seconds and its success is written down once a minute.
SILENCE = timedelta(minutes=3)
SWEEPER = "jobs.tasks.sweep"
State = Work.State
_OPEN = (State.QUEUED, State.RUNNING, State.FAILED)


@dataclass(frozen=True, slots=True)
class JobsStatus:
    """``unhealthy``: no worker has done anything for three minutes, or no scheduler has told it to.

    ``degraded``: something has failed and waits to be tried again, or for somebody to decide about it. ``jobs`` holds
    the last run of each, ``waiting_seconds`` how long the oldest outbox message that is due has waited.
    """

    status: Literal["healthy", "degraded", "unhealthy"]
    last_sweep_at: datetime | None
    running: int
    waiting: int
    dead_letters: int
    outbox_waiting: int
    outbox_waiting_seconds: float
    success_rate: float | None
    failing: list[str]
    jobs: list[dict[str, Any]]


def status(*, now: datetime) -> JobsStatus:
    """Return the present state, from seven small queries."""
    last_sweep = Pulse.objects.filter(name=SWEEPER).values_list("last_success_at", flat=True).first()
    states = Counter(JobRun.objects.filter(state__in=_OPEN).values_list("state", flat=True))
    due = _due_messages(now).aggregate(count=Count("pk"), oldest=Min("due_at"))
    waited = (now - due["oldest"]).total_seconds() if due["oldest"] else 0.0
    letters = DeadLetter.objects.filter(outcome="").count()
    failing = list(Pulse.objects.filter(is_failing=True).values_list("name", flat=True))
    is_well = not (failing or letters or states[State.FAILED])
    overall: Literal["healthy", "degraded"] = "healthy" if is_well else "degraded"
    is_alive = (last_sweep is not None and now - last_sweep < SILENCE) or _is_at_work(now)
    return JobsStatus(
        status=overall if is_alive else "unhealthy",
        last_sweep_at=last_sweep,
        running=states[State.RUNNING],
        waiting=states[State.QUEUED] + states[State.FAILED],
        dead_letters=letters,
        outbox_waiting=due["count"],
        outbox_waiting_seconds=waited,
        success_rate=success_rate(since=now - timedelta(days=1)),
        failing=failing,
        jobs=[_shown(run) for run in last_runs()],
    )


def last_runs() -> QuerySet[JobRun]:
    """Return the newest run of each job, by name."""
    newest = JobRun.objects.order_by().values("name").annotate(newest=Max("pk")).values("newest")
    return JobRun.objects.filter(pk__in=newest).defer("progress").order_by("name")


def outcomes(*, since: datetime, prefix: str = "") -> Counter[str]:
    """Count the runs that ended since then by state: succeeded, failed (to be tried again), dead."""
    ended = JobRun.objects.filter(finished_at__gte=since, name__startswith=prefix)
    counted = ended.exclude(state__in=(State.QUEUED, State.RUNNING)).order_by().values_list("state")
    return Counter(dict(counted.annotate(Count("pk"))))


def success_rate(*, since: datetime, prefix: str = "") -> float | None:
    """Return the share in [0, 1] of the runs that ended since then and succeeded; None when none has ended."""
    counted = outcomes(since=since, prefix=prefix)
    return counted[State.SUCCEEDED] / counted.total() if counted.total() else None


def _is_at_work(now: datetime) -> bool:
    # A worker with one process does nothing else while it is at something long.
    return JobRun.objects.filter(state=State.RUNNING, lease_expires_at__gt=now).exists()


def _due_messages(now: datetime) -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(state__in=(State.QUEUED, State.FAILED), due_at__lte=now).order_by()


def _shown(run: JobRun) -> dict[str, Any]:
    fields = ("name", "period_key", "state", "trigger", "attempts", "started_at", "finished_at", "error")
    return {field: getattr(run, field) for field in fields}
