"""The analysis of an experiment: one public function, pure, from sums per unit to a decision with its reasons."""

import math
from collections.abc import Mapping
from datetime import timedelta
from itertools import combinations
from typing import Any

import numpy as np

from experiments.domain import (
    comparisons,
    guardrails,
    history,
    metrics,
    minima,
    power,
    result,
    sample_ratio,
    verdict,
)
from experiments.domain.comparisons import Comparison, Occasion
from experiments.domain.explanation import Facts, Health
from experiments.domain.guardrails import GuardrailResult
from experiments.domain.history import History
from experiments.domain.metrics import Metric
from experiments.domain.plan import ExperimentPlan
from experiments.domain.result import Analysis
from experiments.domain.units import ArmData

_Pair = tuple[str, str]
_ByPair = dict[_Pair, dict[str, Comparison]]


def analyze(
    plan: ExperimentPlan,
    arms: Mapping[str, ArmData],
    *,
    running_for: timedelta,
    state: Mapping[str, Any] | None = None,
    units_in_both_arms: int = 0,
    is_closed: bool = False,
) -> Analysis:
    """Analyze an experiment at this moment.

    Args:
        plan: what was decided before the first request.
        arms: data of every arm of the plan, by name.
        running_for: time since the experiment started.
        state: ``history`` of the previous analysis; None at the first. Without it, looks that were taken count as not
            taken, and false winners become more frequent than ``plan.alpha``.
        units_in_both_arms: units that more than one arm served.
        is_closed: somebody ended the experiment; nothing is then reported as running.

    Raises:
        ValueError: for arms other than the plan's, or a state that no analysis wrote (``history.InvalidHistory``).
    """
    if set(arms) != set(plan.weights):
        raise ValueError(f"The plan has the arms {', '.join(plan.weights)}; there are data of {', '.join(arms)}.")
    # Values near the ends of the range of doubles become None at the end; they are no reason to warn.
    with np.errstate(all="ignore"):
        return _Look(plan, {name: arms[name] for name in plan.weights}, running_for, state, is_closed).analysis(
            units_in_both_arms
        )


class _Look:
    """The steps of one analysis, which share what came out of the ones before."""

    def __init__(
        self,
        plan: ExperimentPlan,
        arms: Mapping[str, ArmData],
        running_for: timedelta,
        state: Mapping[str, Any] | None,
        is_closed: bool,
    ) -> None:
        self._plan, self._arms = plan, arms
        self._before = history.parse(state)
        self._primary = _primary(plan, arms)
        self._requests = minima.total_requests(arms)
        self._units = sum(arm.units for arm in arms.values())
        self._effective_units = {name: minima.effective_units(self._primary, arm) for name, arm in arms.items()}
        self._shortages = minima.shortages(plan, arms, self._effective_units, running_for)
        self._measured = {
            metric.name: [name for name, arm in arms.items() if metrics.is_measured(metric, arm)]
            for metric in metrics.ALL
        }
        reached = plan.sample_size is not None and self._requests >= plan.sample_size
        self._is_final, self._is_closed_early = reached or is_closed, is_closed and not reached
        rule, looks = history.next_look(plan, self._before, self._requests)
        is_enough = not self._shortages
        self._occasion = Occasion(rule, is_enough, self._is_final)
        self._looks = looks if is_enough else self._before.looks
        self._records = dict(self._before.records)

    def analysis(self, units_in_both_arms: int) -> Analysis:
        plan, treatments = self._plan, [arm for arm in self._plan.weights if arm != self._plan.control]
        health = self._health(units_in_both_arms)
        by_pair = self._compare_all()
        results = self._guardrails(by_pair)
        cost = {pair: found[self._primary.name] for pair, found in by_pair.items() if self._primary.name in found}
        to_control = [cost.get((plan.control, arm)) for arm in treatments]
        needed = self._units_needed(to_control)
        facts = Facts(
            plan, self._primary, health, self._shortages, cost, results, needed, self._is_final, self._is_closed_early
        )
        against_control = tuple(result for arm in treatments for result in results[arm, plan.control])
        first = to_control[0]
        p_value = first.p_value if first is not None else None
        return Analysis(
            mode=plan.effective_mode,
            primary_metric=self._primary.name,
            decision=verdict.decide(facts),
            health=health,
            arms={name: result.summarize(arm) for name, arm in self._arms.items()},
            comparisons=tuple(found for arm in treatments for found in by_pair[plan.control, arm].values()),
            guardrails=against_control,
            savings=tuple(
                saved
                for arm in treatments
                if (saved := result.savings(cost.get((plan.control, arm)), self._arms[arm])) is not None
            ),
            p_value=p_value,
            is_significant=p_value is not None and p_value <= plan.alpha,
            confidence_level=1 - plan.alpha,
            units_needed=needed,
            progress=self._progress(needed, against_control),
            is_final=self._is_final,
            is_new_look=self._occasion.is_enough and self._occasion.rule is not None,
            history=History(self._looks, health.srm_p_value, self._records).as_json(),
        )

    def _health(self, units_in_both_arms: int) -> Health:
        shares = list(self._plan.weights.values())
        counts = [arm.units for arm in self._arms.values()]
        srm_p = sample_ratio.sequential_p(counts, [share / sum(shares) for share in shares], self._before.srm_p)
        return Health(
            srm_p_value=srm_p,
            chi_square_p_value=sample_ratio.chi_square(counts, shares),
            is_split_wrong=srm_p < sample_ratio.THRESHOLD,
            share_in_both_arms=min(1.0, units_in_both_arms / max(1, self._units)),
            units={name: arm.units for name, arm in self._arms.items()},
            effective_units=self._effective_units,
        )

    def _compare_all(self) -> _ByPair:
        by_pair: _ByPair = {}
        names = [self._plan.control, *(arm for arm in self._plan.weights if arm != self._plan.control)]
        for baseline, challenger in combinations(names, 2):
            found = {
                comparison.estimate.metric.name: comparison
                for metric in self._metrics()
                if (comparison := self._compare(metric, baseline, challenger)) is not None
            }
            by_pair[baseline, challenger] = found
            by_pair[challenger, baseline] = {name: comparison.reversed() for name, comparison in found.items()}
        return by_pair

    def _metrics(self) -> list[Metric]:
        others = (metric for metric in metrics.ALL if metric is not self._primary)
        return [metric for metric in (self._primary, *others) if len(self._measured[metric.name]) > 1]

    def _compare(self, metric: Metric, baseline: str, challenger: str) -> Comparison | None:
        is_one_look = self._plan.effective_mode == "fixed"
        arms = self._arms[baseline], self._arms[challenger]
        # The classical analysis compares plain means of latency and quality (Welch); cost always is a ratio.
        in_logarithms = not (is_one_look and metric.name in metrics.GUARDS)
        estimate = metrics.compare(metric, *arms, in_logarithms=in_logarithms, smoothed=not self._is_final)
        if estimate is None or not math.isfinite(estimate.effect):
            return None
        key = (baseline, challenger, metric.name)
        comparison, record = comparisons.judge(
            self._plan, (baseline, challenger), estimate, self._records.get(key), self._occasion
        )
        if record is not None:
            self._records[key] = record
        return comparison

    def _guardrails(self, by_pair: _ByPair) -> dict[_Pair, tuple[GuardrailResult, ...]]:
        half = {name: bool(self._measured[name]) for name in metrics.GUARDS}
        return {
            (arm, against): guardrails.evaluate(self._plan, arm, against, by_pair[against, arm], half, self._units)
            for against, arm in by_pair
        }

    def _units_needed(self, to_control: list[Comparison | None]) -> int | None:
        plan = self._plan
        effect = plan.effect_to_find(self._primary, "log")
        target = power.variance_to_reach(plan.effective_mode, effect, plan.tau or effect, plan.alpha, plan.power)
        needs = [
            power.missing_units(comparison.estimate.variance, self._units, target)
            for comparison in to_control
            if comparison is not None
        ]
        known = [need for need in needs if need is not None]
        return max(known) if known else None

    def _progress(self, units_needed: int | None, results: tuple[GuardrailResult, ...]) -> float | None:
        if self._plan.sample_size is not None:
            return min(1.0, self._requests / self._plan.sample_size)
        needs = [need for need in (units_needed, *(result.units_needed for result in results)) if need is not None]
        return self._units / (self._units + max(needs)) if needs and self._units else None


def _primary(plan: ExperimentPlan, arms: Mapping[str, ArmData]) -> Metric:
    has_references = all(metrics.is_measured(metrics.COST_PER_REFERENCE, arm) for arm in arms.values())
    if plan.denominator == "reference_cost" and has_references:
        return metrics.COST_PER_REFERENCE
    return metrics.COST_PER_REQUEST
