"""One retraining at a time for each policy: the row of a running one is the lock."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import Team
from learning.models import RetrainingRun

State = RetrainingRun.State
# A run takes seconds; one that is still running after this long was left behind by a process that ended.
LEFT_BEHIND_AFTER = timedelta(minutes=15)


class RetrainingInProgress(Exception):
    """Another retraining of the same policy has not ended."""


class RetrainingTakenOver(Exception):
    """This run took so long that another has taken its place; it must change nothing."""


def begin(*, team: Team | None, trigger: str, actor: str, parameters: dict[str, Any], now: datetime) -> RetrainingRun:
    """Start a run; the run of a process that ended is marked failed and its place taken.

    Raises:
        RetrainingInProgress: A run has not ended.
    """
    RetrainingRun.objects.filter(team=team, state=State.RUNNING, started_at__lte=now - LEFT_BEHIND_AFTER).update(
        state=State.FAILED, finished_at=now, error="It never ended: its process stopped. Another run took its place."
    )
    try:
        with transaction.atomic():
            return RetrainingRun.objects.create(
                run_id=uuid.uuid4(),
                team=team,
                trigger=trigger,
                actor=actor,
                parameters=parameters,
                state=State.RUNNING,
                started_at=now,
            )
    except IntegrityError as error:
        raise RetrainingInProgress(
            "A retraining of this policy is running. Look at /admin/learning/status, and try again when it has ended."
        ) from error


def hold(run: RetrainingRun) -> RetrainingRun:
    """Lock the run's row for the transaction that puts its outcome into force.

    Raises:
        RetrainingTakenOver: Another run has taken its place.
    """
    held = RetrainingRun.objects.select_for_update(of=("self",)).get(run_id=run.run_id)
    if held.state != State.RUNNING:
        raise RetrainingTakenOver(f"The retraining {run.run_id} took over 15 minutes, and another took its place.")
    return held


def fail(run: RetrainingRun, error: BaseException, *, now: datetime) -> None:
    """Give up the lock of a run that changed nothing, keeping why."""
    RetrainingRun.objects.filter(run_id=run.run_id, state=State.RUNNING).update(
        state=State.FAILED, finished_at=now, error=f"{type(error).__name__}: {error}"[:500]
    )
