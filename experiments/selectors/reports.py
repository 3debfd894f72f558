"""Experiments as they are listed and told."""

from typing import Any

from django.db.models import Avg, QuerySet

from accounts.models import Team
from experiments.models import Experiment, ExperimentResult


def visible(team: Team | None) -> QuerySet[Experiment]:
    """Return the experiments of a team, newest first; for None those of all, which only staff may see."""
    experiments = Experiment.objects.select_related("team")
    return experiments if team is None else experiments.filter(team=team)


def results(experiment: Experiment) -> dict[str, Any]:
    """Return what the newest analysis of the present phase found, with the figures of both arms by name.

    The experiment must have been analyzed. Mean latencies are as they were measured, while the analysis takes what
    nobody would notice for equal.
    """
    analysis = experiment.last_analysis
    assert analysis is not None, "only what was analyzed has results"
    latencies = _mean_latencies(experiment)
    figures: dict[str, Any] = {}
    for arm in experiment.arms:
        name = arm["name"]
        found = analysis["arms"][name]
        figures |= {
            f"{name}_count": found["requests"],
            f"{name}_avg_cost": found["cost_per_request_usd"],
            f"{name}_avg_latency": latencies.get(name),
            f"{name}_avg_quality": found["mean_quality"],
            f"{name}_error_rate": found["error_rate"],
        }
    return {
        **analysis,
        **figures,
        "experiment_id": experiment.id,
        "name": experiment.name,
        "status": experiment.status,
        "phase": experiment.phase,
        "control_strategy": experiment.control_strategy,
        "test_strategy": experiment.test_strategy,
        "winner": experiment.winner,
        "sample_size": experiment.sample_size,
        "analyzed_at": experiment.analyzed_at,
    }


def _mean_latencies(experiment: Experiment) -> dict[str, float]:
    rows = ExperimentResult.objects.filter(experiment=experiment, phase=experiment.phase, latency_ms__isnull=False)
    return {arm: float(mean) for arm, mean in rows.order_by().values_list("arm").annotate(Avg("latency_ms"))}
