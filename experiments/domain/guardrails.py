"""Margins that a winner must keep: judged for every ordered pair of arms, as any arm may win."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments.domain import metrics, non_inferiority, power
from experiments.domain.comparisons import Comparison
from experiments.domain.non_inferiority import State
from experiments.domain.plan import RATING_SHARE_ALPHA, ExperimentPlan, Guardrail

# Comparisons of one pair of arms by the name of the metric.
ByMetric = Mapping[str, Comparison]


@dataclass(frozen=True, slots=True)
class GuardrailResult:
    """How one arm stands against another on a guardrail.

    ``units_needed``: how many more units of all arms would settle it, were the arms equal; None where that is unknown.
    ``change`` and its interval are None where nothing was measured or may be judged yet.
    """

    guardrail: Guardrail
    arm: str
    against: str
    state: State
    change: float | None = None
    low: float | None = None
    high: float | None = None
    units_needed: int | None = None
    ratings_differ: bool = False

    @property
    def blocks(self) -> bool:
        """Say whether the arm cannot win with this."""
        return self.state in ("failed", "undecided") or (self.state == "not_measured" and self.guardrail.is_asked_for)

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON-able values."""
        return {
            "metric": self.guardrail.metric,
            "margin": self.guardrail.margin,
            "is_asked_for": self.guardrail.is_asked_for,
            "arm": self.arm,
            "against": self.against,
            "state": self.state,
            "change": self.change,
            "ci_low": self.low,
            "ci_high": self.high,
            "units_needed": self.units_needed,
            "ratings_differ": self.ratings_differ,
        }


def evaluate(
    plan: ExperimentPlan,
    arm: str,
    against: str,
    comparisons: ByMetric,
    is_half_measured: Mapping[str, bool],
    units: int,
) -> tuple[GuardrailResult, ...]:
    """Judge every guardrail of the plan for ``arm``.

    Args:
        comparisons: ``arm`` as the challenger of ``against``.
        is_half_measured: by metric, whether one of the two arms measured it.
        units: units of all arms so far.
    """
    differ = _ratings_differ(comparisons)
    results = []
    for guardrail in plan.all_guardrails:
        comparison = comparisons.get(guardrail.metric)
        if comparison is None:
            state: State = "undecided" if is_half_measured[guardrail.metric] else "not_measured"
            results.append(GuardrailResult(guardrail, arm, against, state))
        else:
            results.append(_judge(plan, guardrail, comparison, units, differ and guardrail.metric == "quality"))
    return tuple(results)


def _judge(
    plan: ExperimentPlan, guardrail: Guardrail, comparison: Comparison, units: int, ratings_differ: bool
) -> GuardrailResult:
    estimate = comparison.estimate
    better = estimate.metric.better
    worst = non_inferiority.worst_effect(guardrail.margin, better, estimate.scale)
    state = non_inferiority.judge(comparison.low, comparison.high, worst, better)
    if ratings_differ and state == "passed":
        # Who rates differs between the arms, so that equal ratings say little about equal answers.
        state = "undecided"
    needed = None
    if state == "undecided":
        target = power.variance_to_reach(plan.effective_mode, abs(worst), abs(worst), plan.alpha, plan.power)
        needed = power.missing_units(estimate.variance, units, target)
    return GuardrailResult(
        guardrail,
        comparison.challenger_arm,
        comparison.baseline_arm,
        state,
        comparison.change,
        *comparison.interval,
        needed,
        ratings_differ,
    )


def _ratings_differ(comparisons: ByMetric) -> bool:
    comparison = comparisons.get(metrics.RATING_SHARE.name)
    p_value = comparison.p_value if comparison is not None else None
    return p_value is not None and p_value <= RATING_SHARE_ALPHA
