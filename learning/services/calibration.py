"""The life of a calibration: confirmed, worked on, paused, taken up again, ended.

Who works on one holds a lease on its row, so that two commands never pay for the same answers, and one that died is
taken up again a minute later.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from accounts.models import ApiKey
from accounts.selectors import usable_keys
from accounts.services import api_keys
from learning.models import Calibration, EvaluationSet
from learning.services import calibration_planning, evaluation_sets
from learning.services.calibration_planning import CannotCalibrate
from routing.domain.pricing import from_nano_usd
from routing.services.writers_turn import writers_turn

State = Calibration.State
LEASE = timedelta(seconds=60)
_OPEN = (State.PLANNED, State.RUNNING, State.PAUSED)
# A budget that ran out can be raised, and failures of a completed one can be tried again.
_STARTABLE = (*_OPEN, State.STOPPED, State.COMPLETED)

Clock = Callable[[], datetime]


def key_of(calibration: Calibration, secret: str, now: datetime) -> ApiKey:
    """Return the API key whose secret this is; raises CannotCalibrate unless it is a usable one of the same team."""
    hashes = api_keys.secret_hashes(secret)
    found = usable_keys(now).filter(key_hash__in=hashes, team_id=calibration.team_id).first()
    if found is None:
        raise CannotCalibrate(
            f"The API key is not a usable one of team {calibration.team.slug}, which is to pay. Create one with: "
            f"manage.py optimizer key create {calibration.team.slug} --name calibration"
        )
    return found


def begin(calibration: Calibration, *, budget_nano_usd: int | None, api_key: ApiKey, now: datetime) -> None:
    """Take a calibration up, for the first time or again, and hold it for a minute.

    Args:
        budget_nano_usd: What it may spend in all, confirmed by whoever pays; None keeps what was confirmed before.

    Raises:
        CannotCalibrate: The team's consent is gone, no sufficient budget was confirmed, it was cancelled, or another
            command is working on it.
    """
    calibration_planning.refuse_without_consent(calibration.team)
    budget = _confirmed(calibration, budget_nano_usd)
    free = Q(worked_on_until=None) | Q(worked_on_until__lte=now)
    with writers_turn(), transaction.atomic():
        taken = Calibration.objects.filter(free, pk=calibration.pk, state__in=_STARTABLE).update(
            state=State.RUNNING, worked_on_until=now + LEASE, api_key=api_key, budget_nano_usd=budget, finished_at=None
        )
    calibration.refresh_from_db()
    if not taken:
        raise CannotCalibrate(_why_not_free(calibration))


def renew(calibration: Calibration, now: datetime) -> bool:
    """Hold a calibration for another minute; False when it was cancelled meanwhile."""
    with writers_turn(), transaction.atomic():
        return bool(
            Calibration.objects.filter(pk=calibration.pk, state=State.RUNNING).update(worked_on_until=now + LEASE)
        )


def end(calibration: Calibration, state: str, now: datetime) -> None:
    """Give a calibration up in this state, unless it was cancelled meanwhile; a completed or stopped one is trained on.

    Every answer that was graded is evidence, whether all were or the budget ran out before.
    """
    evaluation_set = calibration.evaluation_set
    evaluation_sets.count(evaluation_set)
    is_over = state in (State.COMPLETED, State.STOPPED)
    with writers_turn(), transaction.atomic():
        ended = Calibration.objects.filter(pk=calibration.pk, state=State.RUNNING).update(
            state=state, finished_at=now if is_over else None
        )
        Calibration.objects.filter(pk=calibration.pk).update(worked_on_until=None)
        sets = EvaluationSet.objects.filter(pk=evaluation_set.pk)
        sets.update(prompt_count=evaluation_set.prompt_count, outcome_count=evaluation_set.outcome_count)
        if ended and is_over and evaluation_set.outcome_count:
            sets.update(is_enabled=True)
    calibration.refresh_from_db()


def cancel(calibration: Calibration, *, now: datetime) -> None:
    """End a calibration for good; who works on it stops within seconds. What it has found stays, switched off.

    Raises:
        CannotCalibrate: It is over already.
    """
    with writers_turn(), transaction.atomic():
        cancelled = Calibration.objects.filter(pk=calibration.pk, state__in=_OPEN).update(
            state=State.CANCELLED, finished_at=now
        )
        if cancelled:
            EvaluationSet.objects.filter(pk=calibration.evaluation_set_id).update(is_enabled=False)
    calibration.refresh_from_db()
    if not cancelled:
        raise CannotCalibrate(
            f"Calibration {calibration.pk} is {calibration.state} already: there is nothing to cancel."
        )


def _confirmed(calibration: Calibration, budget_nano_usd: int | None) -> int:
    if budget_nano_usd is None:
        if calibration.state == State.PLANNED:
            raise CannotCalibrate(f"No budget is confirmed: {_price(calibration)}. Give --budget-usd.")
        return calibration.budget_nano_usd
    least = max(calibration.estimated_nano_usd, calibration.spent_nano_usd)
    if budget_nano_usd < least:
        raise CannotCalibrate(
            f"{from_nano_usd(budget_nano_usd).normalize():f} USD are too little: {_price(calibration)}. Confirm at "
            "least that, or plan with fewer prompts or models."
        )
    return max(1, budget_nano_usd)


def _price(calibration: Calibration) -> str:
    estimated = from_nano_usd(calibration.estimated_nano_usd).normalize()
    spent = from_nano_usd(calibration.spent_nano_usd).normalize()
    return f"calibration {calibration.pk} is expected to cost {estimated:f} USD in all, of which {spent:f} are spent"


def _why_not_free(calibration: Calibration) -> str:
    if calibration.state == State.CANCELLED:
        return f"Calibration {calibration.pk} was cancelled: plan a new one."
    return (
        f"Another command works on calibration {calibration.pk}; if that one has died, it can be taken up after "
        f"{calibration.worked_on_until:%H:%M:%S} UTC."
    )
