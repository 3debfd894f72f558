"""The figures of a comparison as an evaluation keeps them: plain JSON, in which null is a number that there is not."""

from dataclasses import asdict
from math import isfinite
from typing import Any

from learning.domain.cluster_jackknife import Estimate
from learning.domain.off_policy import Scores
from learning.domain.policy_scores import PolicyScores


def estimates(scores: PolicyScores | None) -> dict[str, Any]:
    """Return estimates by kind of outcome, by target, active and difference, by estimator; empty without scores."""
    if scores is None:
        return {}
    return {kind: _of_kind(found) for kind, found in scores.comparison.scores.items()}


def _of_kind(found: Scores) -> dict[str, Any]:
    parts = {"target": found.target, "active": found.active, "difference": found.difference}
    return {
        part: {estimator: _estimate(estimate) for estimator, estimate in by_estimator.items()}
        for part, by_estimator in parts.items()
    }


def _estimate(estimate: Estimate | None) -> dict[str, float | None] | None:
    if estimate is None:
        return None
    names = ("value", "standard_error", "degrees_of_freedom", "low", "high", "at_least", "at_most")
    return {name: getattr(estimate, name) for name in names}


def overlap(scores: PolicyScores | None) -> dict[str, Any]:
    """Return how much the log can say, and how much of it could be used."""
    if scores is None:
        return {"is_reliable": False, "reason": "The candidate could not be loaded, so nothing was scored."}
    found = {
        name: finite(value) if isinstance(value, float) else value
        for name, value in asdict(scores.comparison.overlap).items()
    }
    return {
        "is_reliable": scores.comparison.is_reliable,
        "reason": scores.comparison.reason,
        **found,
        "left_out": dict(scores.left_out),
        "unnamed_share": scores.unnamed_share,
        "withdrawn_share": scores.withdrawn_share,
    }


def finite(value: object) -> float | None:
    """Return a number that JSON can hold; None for one that is not finite or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)
