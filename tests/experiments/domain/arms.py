"""Plans and arms for tests of the analysis."""

from datetime import timedelta
from typing import Any

import numpy as np

from experiments.domain.analysis import analyze
from experiments.domain.plan import ExperimentPlan
from experiments.domain.result import Analysis
from experiments.domain.units import ArmData

LONG_ENOUGH = timedelta(days=3)
HALVES = {"control": 0.5, "test": 0.5}


def plan(**settings: Any) -> ExperimentPlan:
    """Return the plan of an experiment with two equal arms."""
    return ExperimentPlan(**{"control": "control", "weights": HALVES, **settings})


def constant(units: int, cost_usd: float, **sums: Any) -> ArmData:
    """Return an arm in which every unit made one request at the same cost."""
    return ArmData(np.ones(units), np.full(units, cost_usd), **sums)


def varied(units: int, cost_usd: float = 0.001, *, spread: float = 0.3, seed: int = 1, **means: float) -> ArmData:
    """Return an arm of units with ten requests each, every sum lognormal about its mean.

    ``means``: ``latency_ms``, ``quality`` (of all requests), ``error_rate``, ``reference_cost_usd``.
    """
    rng = np.random.default_rng(seed)
    requests = np.full(units, 10.0)

    def sums(mean: float) -> np.ndarray:
        return requests * mean * np.exp(rng.normal(0, spread, units))

    arm: dict[str, Any] = {"cost_usd": sums(cost_usd)}
    arm["latency_ms"] = sums(means.get("latency_ms", 800.0))
    arm["errors"] = rng.binomial(10, means.get("error_rate", 0.01), units)
    return ArmData(requests, timed_requests=requests, **arm, **_optional(means, requests, sums))


def _optional(means: dict[str, float], requests: np.ndarray, sums: Any) -> dict[str, Any]:
    quality = {"quality": sums(means["quality"]) if "quality" in means else None}
    reference = sums(means["reference_cost_usd"]) if "reference_cost_usd" in means else None
    return {
        **quality,
        "ratings": requests if "quality" in means else None,
        "reference_cost_usd": reference,
    }


def look(experiment: ExperimentPlan, control: ArmData, test: ArmData, **more: Any) -> Analysis:
    """Analyze two arms, long enough after the start unless told otherwise."""
    return analyze(experiment, {"control": control, "test": test}, **{"running_for": LONG_ENOUGH, **more})
