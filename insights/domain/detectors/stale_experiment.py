"""An experiment that nobody ended: decided, without traffic, or running for too long."""

from datetime import timedelta

from insights.domain.finding import Action, ActionKind, Category, Finding, Savings, Severity, Suggestion
from insights.domain.observations import Observations, RunningExperiment
from insights.domain.thresholds import Thresholds

TYPE = "stale_experiment"
# By what makes it stale, in the order in which it is told: severity and confidence.
_REASONS = {
    "decided": (Severity.MEDIUM, 0.95),
    "no_traffic": (Severity.LOW, 0.9),
    "too_long": (Severity.LOW, 0.8),
}
_TITLES = {
    "decided": "has its result and still splits traffic",
    "no_traffic": "gets no requests any more",
    "too_long": "has run for too long without a result",
}


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find the running experiments that had better be ended."""
    found = []
    for experiment in observations.experiments:
        reason = _reason(experiment, observations, thresholds)
        if reason:
            found.append(_finding(experiment, reason, observations))
    return found


def _reason(experiment: RunningExperiment, observations: Observations, thresholds: Thresholds) -> str | None:
    if experiment.is_decided:
        return "decided"
    longest = timedelta(days=thresholds.stale_experiment_days)
    if observations.ends_before - (experiment.last_request_on or experiment.started_on) > longest / 4:
        return "no_traffic"
    return "too_long" if observations.ends_before - experiment.started_on > longest else None


def _finding(experiment: RunningExperiment, reason: str, observations: Observations) -> Finding:
    level, confidence = _REASONS[reason]
    last = experiment.last_request_on
    return Finding(
        TYPE,
        Category.EXPERIMENTATION,
        level,
        f"Experiment “{experiment.name}” {_TITLES[reason]}",
        {"experiment_id": experiment.experiment_id},
        {
            "reason": reason,
            "name": experiment.name,
            "started_on": experiment.started_on.isoformat(),
            "days": (observations.ends_before - experiment.started_on).days,
            "last_request_on": last.isoformat() if last else None,
            "requests": experiment.requests,
            "planned_requests": experiment.planned_requests,
            "winner": experiment.winner,
        },
        Suggestion(
            "Complete the experiment, so that all traffic goes by one policy again.",
            Action(ActionKind.COMPLETE_EXPERIMENT, {"experiment_id": experiment.experiment_id}),
        ),
        confidence,
        Savings(None, "What its result is worth is told by the experiment itself."),
    )
