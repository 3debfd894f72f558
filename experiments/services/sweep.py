"""What experiments need without anybody's asking: looks, their end, what follows from it, and trials."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from experiments.domain import ending
from experiments.models import Experiment, ExperimentSnapshot
from experiments.selectors import outcomes
from experiments.services import analyses, collection, control, trials
from experiments.services.analyses import ExperimentBusy
from experiments.services.control import ExperimentNotRunning

logger = logging.getLogger(__name__)

SCHEDULE = "schedule"
# Ratings of an experiment that has ended are kept with its results for so long.
_RATED_AFTERWARDS = timedelta(days=30)


def sweep(*, now: datetime) -> list[Experiment]:
    """Look at every running experiment, end those that are over, and start waiting trials.

    What fails with one experiment is logged and does not stop the others.

    Returns:
        The experiments that ended.
    """
    trials.start_waiting(now=now)
    ended = _look_at_each(Experiment.objects.filter(status=Experiment.Status.RUNNING).order_by("id"), now)
    for experiment in Experiment.objects.filter(ended_at__gte=now - _RATED_AFTERWARDS).order_by("id"):
        _collect(experiment, now)
    return ended


def keep_up(*, now: datetime) -> list[Experiment]:
    """Collect the results of every running experiment, and look at those that have reached their planned size since.

    Cheap where nothing has happened; without it the first to ask for results would wait for all of them.

    Returns:
        The experiments that ended.
    """
    running = list(Experiment.objects.filter(status=Experiment.Status.RUNNING).order_by("id"))
    for experiment in running:
        _collect(experiment, now)
    return _look_at_each((one for one in running if _has_become_full(one)), now)


def _has_become_full(experiment: Experiment) -> bool:
    is_known = experiment.last_analysis is not None and experiment.last_analysis["is_final"]
    return not is_known and outcomes.planned_size_is_reached(experiment)


def _look_at_each(experiments: Iterable[Experiment], now: datetime) -> list[Experiment]:
    ended = []
    for experiment in experiments:
        try:
            if (over := _look(experiment, now)) is not None:
                ended.append(over)
        except (ExperimentBusy, ExperimentNotRunning) as error:
            logger.info("Experiment %s was left alone: %s", experiment.id, error)
        except Exception:
            logger.exception("The sweep of experiment %s failed", experiment.id)
    return ended


def _look(experiment: Experiment, now: datetime) -> Experiment | None:
    """Analyze one experiment, and end it where it is over; None where it goes on."""
    if trials.is_void(experiment):
        reason = "The policy on trial was promoted or rejected meanwhile."
        return control.cancel(experiment, actor=SCHEDULE, reason=reason, now=now)
    experiment, analysis = analyses.look(experiment, trigger=ExperimentSnapshot.Trigger.SCHEDULE, now=now)
    if analysis is None:
        return None
    if ending.is_over(analysis):
        reason = analysis.decision.reason_code
    elif trials.is_overdue(experiment, now=now):
        reason = f"No winner after {trials.LONGEST.days} days."
    else:
        return None
    return control.complete(experiment, actor=SCHEDULE, reason=reason, now=now)


def _collect(experiment: Experiment, now: datetime) -> None:
    try:
        collection.collect(experiment, now=now)
    except Exception:
        logger.exception("The results of experiment %s could not be brought up to date", experiment.id)
