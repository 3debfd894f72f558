"""What is on the page of one experiment."""

from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString

from accounts.admin import links
from experiments.admin import decision, path, pictures, report, waiting, words
from experiments.models import Experiment
from experiments.services.plans import plan_of

_MOST_NOTICES = 20


def context(experiment: Experiment, *, now: datetime) -> dict[str, Any]:
    """Return the values that the page shows; reads only."""
    noun = words.UNITS[experiment.unit]
    return {
        "experiment": experiment,
        **arms(experiment),
        "headline": decision.headline(experiment),
        "next_step": decision.next_step(experiment),
        "ending": decision.ending(experiment),
        "unit": noun,
        "notices": experiment.notices.all()[:_MOST_NOTICES],
        "earlier_phases": path.earlier_phases(experiment),
        "setup": _setup(experiment),
        "requirements": requirement_rows(experiment),
        "see_also": _see_also(experiment),
        **(_found(experiment, now) if decision.has_requests(experiment) else {}),
    }


def _see_also(experiment: Experiment) -> SafeString:
    policies = {arm.get("policy_version") for arm in experiment.arms} | {experiment.promoted_policy_id}
    number = experiment.pk
    return links.shown(
        [
            links.to_list("experiments.experimentresult", "all its results", experiment__id__exact=number),
            links.to_list(
                "routing.ledgerentry", "its requests of the last 7 days", experiment_id=number, period="week"
            ),
            links.to_list("feedback.responsefeedback", "their ratings", experiment_id=number, period="week"),
            *(
                links.to_list("routing.policyversion", f"policy {version}", version=version)
                for version in sorted(version for version in policies if version is not None)
            ),
        ]
    )


def arms(experiment: Experiment) -> dict[str, str]:
    """Return what each arm routes by, by the arm's name."""
    return {arm["name"]: decision.strategy_of(experiment, arm["name"]) for arm in experiment.arms}


def plan(experiment: Experiment) -> dict[str, Any]:
    """Return what an experiment that has not started yet would need."""
    most = max(asked["requests"] for asked in experiment.requirements)
    size = experiment.sample_size
    return {
        "requirements": requirement_rows(experiment),
        "most": words.count(most, "request"),
        "planned": "" if size is None else words.count(size, "request"),
        "is_too_small": size is not None and size < most,
    }


def requirement_rows(experiment: Experiment) -> list[dict[str, str]]:
    """Return what each metric asked for when the experiment was planned, as text."""
    noun = words.UNITS[experiment.unit]
    return [
        {
            "label": words.metric_words(asked["metric"]).label,
            "effect": words.found_effect(asked["metric"], asked["effect"]),
            "units": words.count(asked["units_per_arm"], noun),
            "requests": words.count(asked["requests"], "request"),
            "chance": words.chance(asked["chance_at_planned_size"]),
            "source": "your traffic of two weeks" if asked["is_observed"] else "typical traffic",
        }
        for asked in experiment.requirements
    ]


def _found(experiment: Experiment, now: datetime) -> dict[str, Any]:
    analysis = experiment.last_analysis
    assert analysis is not None, "only what was analyzed has requests"
    change, interval = report.effect(analysis)
    saved, saved_interval = report.savings(analysis)
    points = path.points(experiment)
    return {
        "analysis": analysis,
        "change": change,
        "interval": interval,
        "cost_tone": report.cost_tone(analysis),
        "saved": saved,
        "saved_interval": saved_interval,
        "requests": f"{sum(arm['requests'] for arm in analysis['arms'].values()):,}",
        "progress": "" if analysis["progress"] is None else f"{analysis['progress']:.0%}",
        "progress_bar": pictures.progress(analysis["progress"], label="Progress"),
        "percent_sure": f"{100 * analysis['confidence_level']:g}%",
        "points": points,
        "path": {"points": [point.as_json() for point in points]},
        "metrics": report.metric_rows(analysis),
        "arms": report.arm_rows(experiment),
        "split": report.split(experiment),
        "conditions": waiting.conditions(experiment, now=now),
        "needs": waiting.needs(experiment, now=now) if experiment.is_running else [],
    }


def _setup(experiment: Experiment) -> list[tuple[str, str, str]]:
    """Return how the experiment was planned: what, its value, and what that means."""
    plan = plan_of(experiment)
    mode, meaning = words.MODES[plan.effective_mode]
    noun = words.UNITS[experiment.unit]
    size = "none" if plan.sample_size is None else words.count(plan.sample_size, "request")
    joins = f"{experiment.traffic_percent:g}% of the {noun}s of auto" if experiment.traffic_percent else "only by name"
    return [
        (
            "Kept in one arm",
            f"each {noun}",
            f"All requests of a {noun} are routed by the same arm. A unit is a {noun}.",
        ),
        ("Joins", joins, f"In the namespace {experiment.namespace}." if experiment.namespace else ""),
        ("Judged", mode, meaning),
        ("Planned size", size, "Both arms together."),
        ("Saving to find", f"{100 * plan.min_effect:g}%", f"Found with a chance of {plan.power:.0%} if it is there."),
        (
            "Chance of a false winner",
            f"{100 * plan.alpha:g}%",
            "If both arms cost the same, over the whole experiment.",
        ),
        ("When there is a winner", experiment.get_on_winner_display(), ""),
    ]
