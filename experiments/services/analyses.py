"""Looks at an experiment: collects its results, analyzes them, and keeps what was found.

Reading and computing take no lock. Whoever comes second with a look from the same state finds out as it is stored,
and looks again: each look counts on those before it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from experiments.domain.analysis import analyze
from experiments.domain.result import Analysis
from experiments.models import Experiment, ExperimentSnapshot
from experiments.selectors import arm_data
from experiments.services import collection
from experiments.services.plans import plan_of

ATTEMPTS = 5
# Of an experiment without news only time goes by, which counts in hours.
STALE_AFTER = timedelta(minutes=1)
# How much larger an experiment is before another point of its path is kept.
_STEP = 1.01

# Results copied while somebody waits for the answer: a few seconds. The worker copies every minute what there is.
_MOST_WHILE_WAITING = 20_000

Trigger = ExperimentSnapshot.Trigger


class ExperimentBusy(Exception):
    """Others looked at the experiment again and again while this was attempted."""


@dataclass(frozen=True, slots=True)
class Look:
    """An analysis that is not stored yet, and the row it was made from."""

    experiment: Experiment
    analysis: Analysis
    taken_at: datetime


def refresh(experiment: Experiment, *, now: datetime) -> Experiment:
    """Return the experiment with an analysis of all that is known now; one that has ended stays as it is."""
    if not experiment.is_running or not _has_news(experiment, now):
        return experiment
    try:
        return look(experiment, trigger=Trigger.REQUEST, now=now)[0]
    except ExperimentBusy:
        # What the others found meanwhile is as new.
        return _again(experiment)


def look(experiment: Experiment, *, trigger: str, now: datetime) -> tuple[Experiment, Analysis | None]:
    """Collect, analyze and store; return the new row, and the analysis unless the experiment has ended meanwhile.

    Raises:
        ExperimentBusy: Others looked at it again and again; what they found is stored.
    """
    for _ in range(ATTEMPTS):
        if not experiment.is_running:
            return experiment, None
        taken = take(experiment, now=now, at_most=_MOST_WHILE_WAITING if trigger == Trigger.REQUEST else None)
        with transaction.atomic():
            if store(taken, trigger=trigger):
                return taken.experiment, taken.analysis
        experiment = _again(experiment)
    raise ExperimentBusy(f"Experiment {experiment.id} is being analyzed. Try again shortly.")


def take(experiment: Experiment, *, now: datetime, is_closing: bool = False, at_most: int | None = None) -> Look:
    """Collect results, ``at_most`` so many, and analyze them; nothing is stored but the results."""
    collection.collect(experiment, now=now, everything=is_closing, at_most=at_most)
    measured = arm_data.measured(experiment)
    analysis = analyze(
        plan_of(experiment),
        measured.arms,
        running_for=max(timedelta(0), now - experiment.phase_started_at),
        state=experiment.analysis_state,
        units_in_both_arms=measured.units_in_both_arms,
        is_closed=is_closing,
    )
    return Look(experiment, analysis, now)


def store(taken: Look, *, trigger: str) -> bool:
    """Keep a look on its experiment, and as a snapshot where it adds to the path; call it in a transaction.

    Returns:
        False where the experiment has been looked at, changed or ended since the row was read; nothing is stored then.
    """
    experiment, analysis = taken.experiment, taken.analysis
    decision, document = analysis.decision, analysis.as_json()
    values = {
        "winner": decision.winner,
        "decision_status": decision.status,
        "reason_code": decision.reason_code,
        "explanation": decision.explanation,
        "analyzed_at": taken.taken_at,
        "analyses": experiment.analyses + 1,
        "last_analysis": document,
        "analysis_state": analysis.history,
    }
    unchanged = Experiment.objects.filter(
        id=experiment.id,
        status=Experiment.Status.RUNNING,
        phase=experiment.phase,
        analyses=experiment.analyses,
    )
    if not unchanged.update(**values):
        return False
    if _adds_to_path(taken, trigger):
        ExperimentSnapshot.objects.create(
            experiment=experiment,
            phase=experiment.phase,
            taken_at=taken.taken_at,
            requests=_requests(analysis),
            units=sum(analysis.health.units.values()),
            analysis=document,
            is_final=analysis.is_final,
            trigger=trigger,
        )
    for name, value in values.items():
        setattr(experiment, name, value)
    return True


def _again(experiment: Experiment) -> Experiment:
    return Experiment.objects.select_related("team").get(id=experiment.id)


def _has_news(experiment: Experiment, now: datetime) -> bool:
    is_stale = experiment.analyzed_at is None or now - experiment.analyzed_at >= STALE_AFTER
    return is_stale or collection.is_behind(experiment)


def _adds_to_path(taken: Look, trigger: str) -> bool:
    if trigger not in (Trigger.SCHEDULE, Trigger.REQUEST):
        return True
    last = ExperimentSnapshot.objects.filter(experiment=taken.experiment, phase=taken.experiment.phase).first()
    if last is None:
        return True
    is_decided_anew = last.analysis["decision"]["reason_code"] != taken.analysis.decision.reason_code
    return is_decided_anew or _requests(taken.analysis) >= _STEP * max(1, last.requests)


def _requests(analysis: Analysis) -> int:
    return sum(arm.requests for arm in analysis.arms.values())
