import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.domain import power
from experiments.domain.plan import Guardrail, InvalidPlan, Minima
from experiments.domain.power import Spread
from tests.experiments.domain.arms import plan, varied


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"control": "none"}, "'none' is none of control, test"),
        ({"weights": {"control": 0.7, "test": 0.7}}, "must add up to 1"),
        ({"alpha": 0}, "alpha must lie between 0 and 1"),
        ({"alpha": math.nan}, "alpha must lie between 0 and 1"),
        ({"alpha": 1e-9}, "alpha must be at least"),
        ({"power": 1}, "power must lie"),
        ({"min_effect": -0.1}, "min_effect must lie"),
        ({"tau": math.inf}, "tau must be a positive number"),
        ({"sample_size": 0}, "sample_size must be a positive number"),
        ({"sample_size": 10**15}, "sample_size must be a positive number"),
        ({"mode": "fixed"}, "mode fixed needs a sample_size"),
        ({"mode": "bayes"}, "mode must be one of group_sequential, sequential, fixed"),
        ({"denominator": "tokens"}, "denominator must be"),
        ({"guardrails": (Guardrail("quality", 0.1), Guardrail("quality", 0.2))}, "one guardrail for each metric"),
    ],
)
def test_plan_that_cannot_be_analyzed_says_why(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPlan, match=message):
        plan(**settings)


@pytest.mark.parametrize(
    ("metric", "margin", "message"),
    [
        ("cost", 0.1, "can be on quality, latency, latency_p95, error_rate; not on 'cost'"),
        ("quality", 1.0, "margin of quality must lie between 0 and 1"),
        ("latency", math.nan, "margin of latency must lie between 0 and 10"),
        ("error_rate", 0, "margin of error_rate must lie between 0 and 1"),
    ],
)
def test_guardrail_that_says_nothing_is_refused(metric: str, margin: float, message: str) -> None:
    with pytest.raises(InvalidPlan, match=message):
        Guardrail(metric, margin)


def test_negative_minimum_is_refused() -> None:
    with pytest.raises(InvalidPlan, match="effective units"):
        Minima(effective_units=math.nan)


def test_mode_follows_from_the_planned_size() -> None:
    assert plan().effective_mode == "sequential"
    assert plan(sample_size=100).effective_mode == "group_sequential"
    assert plan(sample_size=100, mode="sequential").effective_mode == "sequential"


def test_margin_that_was_asked_for_replaces_the_default_one() -> None:
    margins = {
        guardrail.metric: guardrail.margin for guardrail in plan(guardrails=(Guardrail("quality", 0.1),)).all_guardrails
    }
    assert margins == {"quality": 0.1, "latency": 0.2, "error_rate": 0.02}


def test_spread_of_a_unit_shrinks_with_requests_unless_they_are_alike() -> None:
    assert Spread(1.0, 4, 0.0).of_unit() == pytest.approx(0.5)
    assert Spread(1.0, 4, 1.0).of_unit() == pytest.approx(1.0)
    # 1 + (4 - 1) x 0.5 = 2.5 times a quarter.
    assert Spread(1.0, 4, 0.5).of_unit() == pytest.approx(math.sqrt(2.5 / 4))
    # One rating in ten requests of five: half of the units are rated once.
    assert Spread(1.0, 5, 0.5, 0.1).of_unit() == pytest.approx(math.sqrt(2))


def test_each_metric_asks_for_units_of_its_own() -> None:
    found = {requirement.metric: requirement for requirement in power.requirements(plan(sample_size=4000))}
    assert set(found) == {"cost_per_reference_cost", "quality", "latency", "error_rate"}
    # Per unit 0.25 x sqrt(1.1 / 2) = 0.1854, and 2 x (1.96 + 0.84)^2 x 0.1854^2 / ln(.95)^2 = 205; 5 % more for looks.
    assert found["quality"].units_per_arm == pytest.approx(215, abs=3)
    assert found["quality"].requests == found["quality"].units_per_arm * 20
    assert found["latency"].units_per_arm < found["quality"].units_per_arm
    assert found["quality"].chance_at_planned_size == pytest.approx(0.77, abs=0.05)
    assert power.requirements(plan())[0].chance_at_planned_size is None


def test_anytime_valid_experiment_asks_for_more_than_a_planned_one() -> None:
    sizes = [
        power.requirements(plan(sample_size=4000, mode=mode))[1].units_per_arm
        for mode in ("fixed", "group_sequential", "sequential")
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_spreads_of_past_traffic_replace_the_guesses() -> None:
    arm = varied(400, quality=0.8, spread=0.3, error_rate=0.1)
    spreads = power.observed_spreads(arm)
    # Each unit's sums vary by 30 % and weigh the same.
    assert spreads["cost_per_request"].of_unit() == pytest.approx(0.3, abs=0.05)
    assert spreads["quality"].requests_per_unit == 10
    # Of ten requests with one error: sqrt(.1 x .9 / 10) = 0.095.
    assert spreads["error_rate"].of_unit() == pytest.approx(0.095, abs=0.015)
    assert "cost_per_reference_cost" not in spreads
    assert power.requirements(plan(), spreads)


@settings(max_examples=20)
@given(
    st.floats(0.01, 0.5), st.sampled_from([0.01, 0.05]), st.sampled_from(["fixed", "group_sequential", "sequential"])
)
def test_variance_to_reach_grows_with_the_effect(effect: float, alpha: float, mode: Any) -> None:
    smaller = power.variance_to_reach(mode, effect, 0.1, alpha, 0.8)
    assert 0 < smaller < power.variance_to_reach(mode, effect * 1.5, 0.1, alpha, 0.8)


def test_missing_units_follow_from_the_variance() -> None:
    assert power.missing_units(0.04, 100, 0.01) == 300
    assert power.missing_units(0.01, 100, 0.04) == 0
    assert power.missing_units(None, 100, 0.01) is None
    assert power.missing_units(0.0, 100, 0.01) is None
    assert power.missing_units(1e300, 100, 0.01) is None


def test_size_that_is_asked_for_finds_the_effect_that_often() -> None:
    # A second computation of the power: 4,000 fixed experiments of the size that 80 % ask for.
    units = math.ceil(power.units_per_arm(0.5, 0.05, 0.8))
    draws = np.random.default_rng(1).normal(0, 1, (2, 4000, units))
    difference = draws[1].mean(axis=1) + 0.5 - draws[0].mean(axis=1)
    error = np.sqrt(draws.var(axis=2, ddof=1).sum(axis=0) / units)
    # 1.979 is the quantile of t at 126 degrees of freedom; the share's standard error is 0.6 %.
    assert (np.abs(difference / error) > 1.979).mean() == pytest.approx(0.8, abs=0.02)
