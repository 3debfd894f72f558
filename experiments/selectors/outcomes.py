"""What an experiment's results do not hold yet: closed ledger rows, and ratings."""

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from experiments.models import Experiment, ExperimentResult
from feedback.models import ResponseFeedback
from routing.models import LedgerEntry

REFUSED_BY_BUDGET = 402


def uncollected(experiment: Experiment, *, since: datetime | None) -> QuerySet[LedgerEntry]:
    """Return the closed rows, created from ``since`` on, whose result is missing or was closed otherwise.

    What a budget refused is none of them: nobody was asked, so that it would make its arm look cheap.
    """
    result = ExperimentResult.objects.filter(request_id=OuterRef("request_id"), settled_at=OuterRef("settled_at"))
    entries = LedgerEntry.objects.filter(experiment_id=experiment.id).exclude(state=LedgerEntry.State.PENDING)
    entries = entries.exclude(http_status=REFUSED_BY_BUDGET)
    if since is not None:
        entries = entries.filter(created_at__gte=since)
    return entries.filter(~Exists(result)).order_by("created_at")


def uncollected_ratings(experiment: Experiment, *, since: datetime | None) -> QuerySet[ResponseFeedback]:
    """Return the newest rating of each request, given from ``since`` on, that its result does not hold."""
    ratings = ResponseFeedback.objects.filter(experiment_id=experiment.id, linked=True)
    newer = ratings.filter(ledger_request_id=OuterRef("ledger_request_id"), id__gt=OuterRef("id"))
    result = ExperimentResult.objects.filter(request_id=OuterRef("ledger_request_id")).exclude(
        feedback_id=OuterRef("id")
    )
    if since is not None:
        ratings = ratings.filter(created_at__gte=since)
    return ratings.filter(~Exists(newer), Exists(result)).order_by("id")


def planned_size_is_reached(experiment: Experiment) -> bool:
    """Whether there are as many results of this phase as were planned, without counting any beyond."""
    if experiment.sample_size is None:
        return False
    results = ExperimentResult.objects.filter(experiment=experiment, phase=experiment.phase).order_by()
    return results[: experiment.sample_size].count() >= experiment.sample_size
