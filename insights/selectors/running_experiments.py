"""The experiments of a team that nobody has ended."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Max

from accounts.models import Team
from experiments.models import Experiment, ExperimentResult
from insights.domain.observations import RunningExperiment


def running(team: Team) -> tuple[RunningExperiment, ...]:
    """Return the team's own running experiments, in two queries; those of all teams are for staff to end."""
    experiments = list(Experiment.objects.filter(team=team, status=Experiment.Status.RUNNING).order_by("id"))
    results = ExperimentResult.objects.filter(experiment__in=experiments).order_by().values("experiment_id")
    seen = {row["experiment_id"]: row for row in results.annotate(requests=Count("request_id"), last=Max("created_at"))}
    return tuple(_running(experiment, seen.get(experiment.id, {})) for experiment in experiments)


def _running(experiment: Experiment, seen: Mapping[str, Any]) -> RunningExperiment:
    last, requests = seen.get("last"), seen.get("requests", 0)
    analysis = experiment.last_analysis or {}
    return RunningExperiment(
        experiment_id=experiment.id,
        name=experiment.name,
        started_on=experiment.started_at.date(),
        last_request_on=last.date() if last else None,
        requests=requests,
        planned_requests=experiment.sample_size,
        is_decided=bool(analysis.get("is_final")) or experiment.winner is not None,
        winner=experiment.winner,
    )
