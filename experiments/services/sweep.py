"""What experiments need without anybody's asking: looks, their end, what follows from it, and trials."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db.models import Q

from experiments.domain import ending
from experiments.models import Experiment, ExperimentSnapshot
from experiments.selectors import outcomes
from experiments.services import analyses, collection, control, trials
from experiments.services.analyses import ExperimentBusy
from experiments.services.control import ExperimentNotRunning
from jobs.services import runs

logger = logging.getLogger(__name__)

SCHEDULE = "schedule"
# Ratings of an experiment that has ended are kept with its results for so long.
_RATED_AFTERWARDS = timedelta(days=30)


def sweep(*, now: datetime) -> list[Experiment]:
    """Start waiting trials, look at every running experiment, end those that are over, and keep late ratings.

    Returns:
        The experiments that ended.

    Raises:
        SomeFailed: Of ``jobs``: at least one failed, which stopped none of the others.
    """
    trials.start_waiting(now=now)

    def work(experiment: Experiment) -> Experiment | None:
        if experiment.status != Experiment.Status.RUNNING:
            collection.collect(experiment, now=now)
            return None
        ended = _look_if_free(experiment, now)
        if ended is not None:
            collection.collect(ended, now=now)
        return ended

    running = Q(status=Experiment.Status.RUNNING)
    lately = Q(ended_at__gte=now - _RATED_AFTERWARDS)
    return _for_each(Experiment.objects.filter(running | lately).order_by("id"), work)


def keep_up(*, now: datetime) -> list[Experiment]:
    """Collect the results of every running experiment, and look at those that have reached their planned size since.

    Cheap where nothing has happened; without it the first to ask for results would wait for all of them.

    Returns:
        The experiments that ended.

    Raises:
        SomeFailed: Of ``jobs``: at least one failed, which stopped none of the others.
    """

    def work(experiment: Experiment) -> Experiment | None:
        collection.collect(experiment, now=now)
        return _look_if_free(experiment, now) if _has_become_full(experiment) else None

    return _for_each(Experiment.objects.filter(status=Experiment.Status.RUNNING).order_by("id"), work)


def _for_each(experiments: Iterable[Experiment], work: Callable[[Experiment], Experiment | None]) -> list[Experiment]:
    found = runs.for_each(experiments, work, step="experiments", name=lambda one: f"experiment {one.id}")
    return [ended for ended in found.values() if ended is not None]


def _has_become_full(experiment: Experiment) -> bool:
    is_known = experiment.last_analysis is not None and experiment.last_analysis["is_final"]
    return not is_known and outcomes.planned_size_is_reached(experiment)


def _look_if_free(experiment: Experiment, now: datetime) -> Experiment | None:
    """Look at an experiment unless somebody else does so, or has ended it meanwhile."""
    try:
        return _look(experiment, now)
    except (ExperimentBusy, ExperimentNotRunning) as error:
        logger.info("Experiment %s was left alone: %s", experiment.id, error)
        return None


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
