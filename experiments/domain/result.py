"""What an analysis hands out: plain frozen values, and the same as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments.domain.comparisons import Comparison
from experiments.domain.explanation import Health
from experiments.domain.guardrails import GuardrailResult
from experiments.domain.plan import Mode
from experiments.domain.units import ArmData, Floats
from experiments.domain.verdict import Decision


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """Plain figures of an arm; None where nothing was measured."""

    units: int
    requests: int
    cost_per_request_usd: float | None
    mean_latency_ms: float | None
    mean_quality: float | None
    error_rate: float | None
    rating_share: float | None


@dataclass(frozen=True, slots=True)
class Savings:
    """What an arm's requests cost less than at the control's rate: an estimate with its interval, hence floats."""

    arm: str
    estimate_usd: float
    low_usd: float | None
    high_usd: float | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known at one look.

    Attributes:
        comparisons: treatments against control, the primary metric first, then all that were measured.
        guardrails: treatments against control.
        p_value: of the primary metric of the first treatment; with several treatments read ``comparisons``.
        units_needed: more units of all arms that would find the minimum effect on cost; None where unknown.
        progress: share of the planned size, or without one of the units that cost and margins need; in [0, 1].
        is_final: the planned size is reached, or the experiment was closed.
        is_new_look: False where nothing new was tested, so that the results of the last look stand.
        history: state to pass to the next analysis, JSON-able.
    """

    mode: Mode
    primary_metric: str
    decision: Decision
    health: Health
    arms: Mapping[str, ArmSummary]
    comparisons: tuple[Comparison, ...]
    guardrails: tuple[GuardrailResult, ...]
    savings: tuple[Savings, ...]
    p_value: float | None
    is_significant: bool
    confidence_level: float
    units_needed: int | None
    progress: float | None
    is_final: bool
    is_new_look: bool
    history: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return everything but ``history`` as JSON-able values, every number finite or None."""
        decision, health = self.decision, self.health
        return {
            "mode": self.mode,
            "primary_metric": self.primary_metric,
            "decision": {name: getattr(decision, name) for name in ("status", "winner", "reason_code", "explanation")},
            "health": {
                "srm_p_value": health.srm_p_value,
                "chi_square_p_value": health.chi_square_p_value,
                "share_in_both_arms": health.share_in_both_arms,
                "units": dict(health.units),
                "effective_units": dict(health.effective_units),
            },
            "arms": {name: _fields(arm) for name, arm in self.arms.items()},
            "comparisons": [comparison.as_json() for comparison in self.comparisons],
            "guardrails": [result.as_json() for result in self.guardrails],
            "savings_usd": [_fields(saving) for saving in self.savings],
            "p_value": self.p_value,
            "is_significant": self.is_significant,
            "confidence_level": self.confidence_level,
            "units_needed": self.units_needed,
            "progress": self.progress,
            "is_final": self.is_final,
            "is_new_look": self.is_new_look,
        }


def summarize(arm: ArmData) -> ArmSummary:
    """Return the plain figures of an arm."""
    return ArmSummary(
        units=arm.units,
        requests=int(arm.requests.sum()),
        cost_per_request_usd=_mean(arm.cost_usd, arm.priced_requests),
        mean_latency_ms=_mean(arm.latency_ms, arm.timed_requests),
        mean_quality=_mean(arm.quality, arm.ratings),
        error_rate=_mean(arm.errors, arm.requests),
        rating_share=_mean(arm.ratings, arm.requests),
    )


def savings(cost: Comparison | None, arm: ArmData) -> Savings | None:
    """Return what ``arm``, the challenger of the comparison of ``cost``, saved; None where that cannot be told."""
    if cost is None or cost.change is None:
        return None
    spent_usd = float(arm.cost_usd.sum())
    # At the baseline's rate; the plain difference is a share of that, the logarithmic one relates to what was spent.
    control_usd = cost.estimate.baseline * float(getattr(arm, cost.estimate.metric.denominator).sum())

    def saved(effect: float | None) -> float | None:
        if effect is None:
            return None
        usd = control_usd * -effect if cost.estimate.scale == "share" else spent_usd * _expm1(-effect)
        return usd if math.isfinite(usd) else None

    estimate_usd = saved(cost.estimate.effect)
    if estimate_usd is None:
        return None
    return Savings(cost.challenger_arm, estimate_usd, low_usd=saved(cost.high), high_usd=saved(cost.low))


def _mean(total: Floats | None, count: Floats | None) -> float | None:
    if total is None or count is None or not count.any():
        return None
    value = float(total.sum() / count.sum())
    return value if math.isfinite(value) else None


def _expm1(exponent: float) -> float:
    return math.expm1(exponent) if exponent < 700 else math.inf


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}
