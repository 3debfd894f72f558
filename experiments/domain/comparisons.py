"""Arms compared on a metric, with the p-value and the interval that the mode in force allows."""

import math
from dataclasses import dataclass, replace
from typing import Any

from experiments.domain import fixed, metrics, sequential
from experiments.domain.history import Record, Rule
from experiments.domain.metrics import Estimate
from experiments.domain.plan import RATING_SHARE_ALPHA, ExperimentPlan


@dataclass(frozen=True, slots=True)
class Comparison:
    """The challenger against the baseline on one metric.

    ``low`` and ``high`` are on the estimate's scale. The p-values are running ones, of "challenger below baseline" and
    "above"; all of them are None until something may be judged.
    """

    baseline_arm: str
    challenger_arm: str
    estimate: Estimate
    p_below: float | None = None
    p_above: float | None = None
    low: float | None = None
    high: float | None = None
    e_value: float | None = None

    @property
    def p_value(self) -> float | None:
        """The two-sided p-value so far."""
        return None if self.p_below is None or self.p_above is None else min(self.p_below, self.p_above)

    @property
    def change(self) -> float | None:
        """The effect as people read it: a share of the baseline's value, for rates a difference."""
        return self._shown(self.estimate.effect)

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The confidence interval of ``change``."""
        return self._shown(self.low), self._shown(self.high)

    def is_lower(self, alpha: float) -> bool:
        """Say whether the challenger is significantly below the baseline.

        The running p-value may have got there at an earlier look; the interval of the last one must still say so.
        """
        return self.p_below is not None and self.p_below <= alpha and self.high is not None and self.high < 0

    def reversed(self) -> "Comparison":
        """Return the baseline against the challenger."""
        estimate = self.estimate
        turned = replace(estimate, baseline=estimate.challenger, challenger=estimate.baseline, effect=-estimate.effect)
        if self._is_ratio:
            # x = c/b - 1 becomes b/c - 1 = -x / (1 + x), also at the ends of the interval.
            slope = estimate.baseline / estimate.challenger
            variance = None if estimate.variance is None else estimate.variance * slope * slope * slope * slope
            turned = replace(turned, effect=-estimate.effect * slope, variance=variance)
        low, high = self._turned(self.high), self._turned(self.low)
        arms = self.challenger_arm, self.baseline_arm
        return Comparison(*arms, turned, self.p_above, self.p_below, low, high, self.e_value)

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON-able values, every number finite or None.

        The interval is of ``relative_change``, for rates of the ``difference``.
        """
        low, high = self.interval
        return {
            "metric": self.estimate.metric.name,
            "baseline": self.baseline_arm,
            "challenger": self.challenger_arm,
            "baseline_value": _finite(self.estimate.baseline),
            "challenger_value": _finite(self.estimate.challenger),
            "relative_change": self.change if self.estimate.metric.is_relative else None,
            "difference": None if self.estimate.metric.is_relative else self.change,
            "ci_low": low,
            "ci_high": high,
            "p_value": self.p_value,
            "e_value": self.e_value,
        }

    def _shown(self, effect: float | None) -> float | None:
        if effect is None:
            return None
        if self.estimate.scale == "log":
            # exp() of more is no double.
            return math.expm1(effect) if effect < 700 else None
        if self.estimate.scale == "share" and self.estimate.baseline == 0 and effect != 0:
            return None
        return _finite(effect)

    @property
    def _is_ratio(self) -> bool:
        return self.estimate.scale == "share" and self.estimate.baseline > 0 and self.estimate.challenger > 0

    def _turned(self, bound: float | None) -> float | None:
        if bound is None or not self._is_ratio:
            return None if bound is None else -bound
        return -bound / (1 + bound) if bound > -1 else None


@dataclass(frozen=True, slots=True)
class Occasion:
    """When a comparison is made.

    Attributes:
        rule: None between looks, when the results of the last look stand.
        is_enough: the minima hold; before that there are estimates but no verdicts.
        is_final: no more data will come that the plan counts on, so that data without variance may be judged.
    """

    rule: Rule | None
    is_enough: bool
    is_final: bool


def judge(
    plan: ExperimentPlan, arms: tuple[str, str], estimate: Estimate, record: Record | None, occasion: Occasion
) -> tuple[Comparison, Record | None]:
    """Return the comparison of ``arms`` (baseline, challenger), and the record to keep for the next look."""
    if estimate.is_constant:
        return _judge_constants(Comparison(*arms, estimate), occasion), record
    rule = occasion.rule
    if estimate.metric is metrics.RATING_SHARE:
        # Whoever gives ratings is known at any time, hence it is tested in the way that holds at any time.
        rule = sequential.Anytime(RATING_SHARE_ALPHA)
    if occasion.is_enough and rule is not None and estimate.variance is not None:
        return _judge_look(plan, Comparison(*arms, estimate), record or Record(), rule)
    if record is None:
        return Comparison(*arms, estimate), None
    return Comparison(*arms, estimate, record.p_below, record.p_above, record.low, record.high), record


def _judge_constants(comparison: Comparison, occasion: Occasion) -> Comparison:
    effect = comparison.estimate.effect
    if abs(effect) < 1e-9:
        return replace(comparison, p_below=1.0, p_above=1.0, low=0.0, high=0.0)
    if not (occasion.is_final and occasion.is_enough):
        return comparison
    sides = (0.0, 1.0) if effect < 0 else (1.0, 0.0)
    return replace(comparison, p_below=sides[0], p_above=sides[1], low=effect, high=effect)


def _judge_look(
    plan: ExperimentPlan, comparison: Comparison, record: Record, rule: Rule
) -> tuple[Comparison, Record | None]:
    estimate = comparison.estimate
    assert estimate.variance is not None
    tau = _tau(plan, estimate)
    measured = estimate.df, estimate.variance, tau
    p_value = rule.p_value(estimate.t, *measured)
    if isinstance(rule, fixed.OneLook) and estimate.chi_square_p is not None:
        p_value = estimate.chi_square_p
    critical = rule.critical(*measured)
    reach = math.inf if critical is None else critical * math.sqrt(estimate.variance)
    low, high = (_finite(estimate.effect - reach), _finite(estimate.effect + reach))
    below, above = record.p_below, record.p_above
    kept = Record(
        min(below, p_value) if estimate.effect < 0 else below,
        min(above, p_value) if estimate.effect > 0 else above,
        low,
        high,
    )
    e_value = rule.e_value(estimate.t, *measured)
    return replace(comparison, p_below=kept.p_below, p_above=kept.p_above, low=low, high=high, e_value=e_value), kept


def _tau(plan: ExperimentPlan, estimate: Estimate) -> float:
    metric = estimate.metric
    if plan.tau is not None and metric in (metrics.COST_PER_REFERENCE, metrics.COST_PER_REQUEST):
        return plan.tau
    return plan.effect_to_find(metric, estimate.scale)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
