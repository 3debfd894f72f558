"""Ends experiments and changes how their traffic is split.

An experiment that has ended takes no more requests. Those still being answered then are kept among its results, and no
longer judged.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from experiments.domain.plan import InvalidPlan
from experiments.models import Experiment, ExperimentSnapshot
from experiments.services import analyses, notices, promotion, trials
from experiments.services.analyses import ATTEMPTS, ExperimentBusy, Look
from routing.domain.traffic_split import InvalidWeights
from routing.services import traffic_splits
from routing.services.traffic_splits import InvalidArms

Status = Experiment.Status
Trigger = ExperimentSnapshot.Trigger
_LONGEST_REASON = 500


class ExperimentNotRunning(Exception):
    """The experiment has ended, so that nothing about it can change."""


def complete(experiment: Experiment, *, actor: str, reason: str = "", now: datetime) -> Experiment:
    """End an experiment with the decision that its data allow; its last analysis is the final one.

    In the same transaction its winner begins to route, if it is to (``on_winner``), and a trial's version that did not
    win is rejected.

    Raises:
        ExperimentNotRunning: It has ended already.
        ExperimentBusy: It was being analyzed all the time.
    """
    return _end(experiment, Status.COMPLETED, actor, reason, now)


def cancel(experiment: Experiment, *, actor: str, reason: str = "", now: datetime) -> Experiment:
    """End an experiment without a winner, whatever its data say; they are kept. A trial's version is rejected.

    Raises:
        ExperimentNotRunning: It has ended already.
        ExperimentBusy: It was being analyzed all the time.
    """
    return _end(experiment, Status.CANCELLED, actor, reason, now)


def change_weights(experiment: Experiment, weights: Mapping[str, float], *, now: datetime) -> Experiment:
    """Split the traffic anew; some units change their arm, so that the analysis begins again with a new phase.

    What was measured before is kept, with a last snapshot of its phase, and no longer counts.

    Raises:
        ExperimentNotRunning: It has ended.
        InvalidPlan: The weights are not those of its arms, or do not add up to 1.
        ExperimentBusy: It was being analyzed all the time.
    """
    for _ in range(ATTEMPTS):
        _check_running(experiment)
        taken = analyses.take(experiment, now=now)
        with transaction.atomic():
            if analyses.store(taken, trigger=Trigger.PHASE):
                return _begin_phase(taken.experiment, weights, now)
        experiment = _again(experiment)
    raise ExperimentBusy(f"Experiment {experiment.id} is being analyzed. Try again shortly.")


def _begin_phase(experiment: Experiment, weights: Mapping[str, float], now: datetime) -> Experiment:
    try:
        split = traffic_splits.change_weights(experiment.id, weights)
    except (InvalidArms, InvalidWeights) as error:
        raise InvalidPlan(str(error)) from error
    experiment.arms, experiment.phase = split.arms, split.phase
    experiment.phase_started_at = now
    experiment.analysis_state = experiment.last_analysis = experiment.analyzed_at = experiment.winner = None
    experiment.decision_status = experiment.reason_code = experiment.explanation = ""
    experiment.save()
    return experiment


def _end(experiment: Experiment, status: str, actor: str, reason: str, now: datetime) -> Experiment:
    for _ in range(ATTEMPTS):
        _check_running(experiment)
        taken = analyses.take(experiment, now=now, is_closing=True)
        with transaction.atomic():
            if _store_end(taken, status, actor, reason):
                return taken.experiment
        experiment = _again(experiment)
    raise ExperimentBusy(f"Experiment {experiment.id} is being analyzed. Try again shortly.")


def _store_end(taken: Look, status: str, actor: str, reason: str) -> bool:
    experiment, is_cancelled = taken.experiment, status == Status.CANCELLED
    if not analyses.store(taken, trigger=Trigger.CANCELLATION if is_cancelled else Trigger.COMPLETION):
        return False
    traffic_splits.stop(experiment.id)
    experiment.status, experiment.ended_at = status, taken.taken_at
    experiment.ended_by, experiment.end_reason = actor, reason[:_LONGEST_REASON]
    if is_cancelled:
        experiment.winner = None
    experiment.save(update_fields=("status", "ended_at", "ended_by", "end_reason", "winner"))
    kind = notices.Kind.CANCELLED if is_cancelled else notices.Kind.COMPLETED
    message = (reason or f"Cancelled by {actor}.") if is_cancelled else experiment.explanation
    notices.post(experiment, kind, message, now=taken.taken_at)
    if experiment.winner is not None and experiment.on_winner == Experiment.OnWinner.PROMOTE:
        promotion.promote_winner(experiment, now=taken.taken_at)
    trials.settle(experiment)
    return True


def _check_running(experiment: Experiment) -> None:
    if not experiment.is_running:
        raise ExperimentNotRunning("Experiment is not running")


def _again(experiment: Experiment) -> Experiment:
    return Experiment.objects.select_related("team").get(id=experiment.id)
