"""The rows of the decision table, each reached through the public analysis."""

import math
from datetime import timedelta

import numpy as np
import pytest

from experiments.domain.analysis import analyze
from experiments.domain.plan import Guardrail, Minima
from experiments.domain.result import Analysis
from experiments.domain.units import ArmData, Latencies
from tests.experiments.domain.arms import LONG_ENOUGH, constant, look, plan, varied

NOW = timedelta(0)


def test_half_the_cost_without_any_variance_wins_at_the_planned_size() -> None:
    found = look(plan(sample_size=100), constant(50, 0.0002), constant(50, 0.0001), running_for=NOW)
    assert (found.decision.status, found.decision.winner) == ("winner", "test")
    assert found.is_significant
    assert found.p_value == 0
    assert found.comparisons[0].change == pytest.approx(-0.5)
    # 50 requests at 0.0001 instead of 0.0002.
    assert found.savings[0].estimate_usd == pytest.approx(0.005)


def test_forty_of_a_hundred_planned_requests_decide_nothing() -> None:
    found = look(plan(sample_size=100), constant(20, 0.0001), constant(20, 0.00011), running_for=NOW)
    assert (found.decision.status, found.decision.winner) == ("insufficient_data", None)
    assert found.decision.reason_code == "too_few_requests"
    assert found.decision.explanation == "Too early to judge: 40 of 100 requests and 0.0 of 24 hours."
    assert found.p_value is None
    assert not found.is_significant
    assert found.progress == 0.4


def test_equal_constants_have_a_p_value_of_one() -> None:
    found = look(plan(sample_size=100), constant(50, 0.0001), constant(50, 0.0001), running_for=NOW)
    assert (found.decision.status, found.decision.reason_code) == ("no_difference", "planned_size_reached")
    assert found.p_value == 1


@pytest.mark.parametrize("size", [None, 1000])
def test_different_constants_are_not_decided_before_the_end(size: int | None) -> None:
    found = look(plan(sample_size=size), constant(100, 0.0002), constant(100, 0.0001))
    assert (found.decision.status, found.decision.reason_code) == ("running", "cost_undecided")
    assert found.p_value is None


def test_different_constants_are_decided_when_somebody_ends_the_experiment() -> None:
    found = look(plan(), constant(100, 0.0002), constant(100, 0.0001), is_closed=True)
    assert (found.decision.status, found.decision.winner) == ("winner", "test")


def test_lopsided_split_comes_before_everything_else() -> None:
    found = look(plan(sample_size=100), constant(400, 0.0002), constant(250, 0.0001))
    assert (found.decision.status, found.decision.reason_code) == ("srm_detected", "sample_ratio_mismatch")
    assert "control 400, test 250 units where control 50%, test 50% were planned" in found.decision.explanation


def test_wrong_split_stays_wrong_when_the_counts_even_out() -> None:
    first = look(plan(), constant(400, 0.0002), constant(250, 0.0001))
    second = look(plan(), constant(400, 0.0002), constant(400, 0.0001), state=first.history)
    assert second.decision.status == "srm_detected"
    assert second.health.chi_square_p_value == 1


def test_units_that_changed_arms_stop_the_experiment() -> None:
    arms = constant(100, 0.0002), constant(100, 0.0001)
    assert look(plan(), *arms, units_in_both_arms=2).decision.reason_code != "units_in_both_arms"
    assert look(plan(), *arms, units_in_both_arms=3).decision.reason_code == "units_in_both_arms"


def test_few_users_decide_nothing_even_at_the_planned_size() -> None:
    found = look(plan(sample_size=300), varied(15), varied(15, 0.0005))
    assert (found.decision.status, found.decision.reason_code) == ("insufficient_data", "too_few_units")
    assert "15 of 20 units in control" in found.decision.explanation


def test_one_heavy_user_is_not_twenty_users() -> None:
    requests = np.array([1000.0, *np.ones(29)])
    found = look(plan(), ArmData(requests, requests * 0.001), varied(30, 0.0005))
    assert found.decision.reason_code == "too_few_effective_units"
    # (1029)^2 / (1000^2 + 29) = 1.0588.
    assert found.health.effective_units["control"] == pytest.approx(1.0588, abs=1e-4)


def test_first_day_decides_nothing_without_a_planned_size() -> None:
    found = look(plan(), varied(100), varied(100, 0.0005), running_for=timedelta(hours=6))
    assert found.decision.reason_code == "too_early"
    assert found.decision.explanation == "Too early to judge: 6.0 of 24 hours."


def test_minima_are_those_of_the_plan() -> None:
    experiment = plan(minima=Minima(requests=10, units=5, effective_units=2, hours=1))
    found = look(experiment, varied(15), varied(15, 0.0005), running_for=timedelta(hours=2))
    assert found.decision.status != "insufficient_data"


def test_cheaper_arm_with_worse_quality_fails_its_guardrail() -> None:
    found = look(plan(sample_size=2000), varied(100, quality=0.8), varied(100, 0.0005, quality=0.6))
    assert (found.decision.status, found.decision.reason_code) == ("guardrail_failed", "quality_worse")
    assert found.decision.winner is None
    assert found.decision.explanation.startswith("Quality of test is worse than that of control by more than the 5%")


def test_cheaper_arm_that_is_slower_fails_its_guardrail() -> None:
    found = look(plan(sample_size=2000), varied(100), varied(100, 0.0005, latency_ms=1600))
    assert found.decision.reason_code == "latency_worse"


def test_cheaper_arm_that_fails_more_often_fails_its_guardrail() -> None:
    found = look(plan(sample_size=2000), varied(100), varied(100, 0.0005, error_rate=0.2))
    assert found.decision.reason_code == "error_rate_worse"


def test_cheaper_arm_that_is_as_good_wins() -> None:
    control = varied(400, quality=0.8, spread=0.1)
    found = look(plan(sample_size=8000), control, varied(400, 0.0005, quality=0.8, spread=0.1, seed=2))
    assert (found.decision.status, found.decision.winner) == ("winner", "test")
    assert "Quality, mean latency and error rate stay within the margins." in found.decision.explanation
    assert {result.state for result in found.guardrails} == {"passed"}


def test_control_wins_against_a_dearer_arm_that_is_no_better() -> None:
    found = look(plan(sample_size=8000), varied(400, 0.0005), varied(400, 0.001, seed=2))
    assert (found.decision.status, found.decision.winner) == ("winner", "control")
    assert found.decision.explanation.startswith("Control costs")


def test_metric_nobody_measured_is_named_and_does_not_block() -> None:
    found = look(plan(sample_size=8000), varied(400), varied(400, 0.0005, seed=2))
    assert found.decision.winner == "test"
    assert found.decision.explanation.endswith("Quality was not measured.")


def test_metric_nobody_measured_blocks_where_a_guardrail_was_asked_for() -> None:
    experiment = plan(sample_size=8000, guardrails=(Guardrail("quality", 0.05),))
    found = look(experiment, varied(400), varied(400, 0.0005, seed=2))
    assert (found.decision.status, found.decision.reason_code) == ("no_difference", "guardrails_undecided")
    assert "quality, on which a guardrail was asked for, was not measured" in found.decision.explanation.lower()


def test_metric_of_one_arm_only_blocks() -> None:
    found = look(plan(sample_size=8000), varied(400, quality=0.8), varied(400, 0.0005, seed=2))
    assert found.decision.reason_code == "guardrails_undecided"
    assert {result.guardrail.metric: result.state for result in found.guardrails}["quality"] == "undecided"


def test_equal_quality_says_little_when_one_arm_is_rated_less_often() -> None:
    control, test = varied(400, quality=0.8), varied(400, 0.0005, quality=0.8, seed=2)
    rarely = ArmData(test.requests, test.cost_usd, quality=test.requests * 0.08, ratings=test.requests * 0.1)
    found = look(
        plan(), ArmData(control.requests, control.cost_usd, quality=control.quality, ratings=control.ratings), rarely
    )
    quality = next(result for result in found.guardrails if result.guardrail.metric == "quality")
    assert quality.ratings_differ
    assert found.decision.winner is None


def test_undecided_cost_says_how_many_more_units_it_takes() -> None:
    found = look(plan(), varied(100), varied(100, seed=2))
    assert (found.decision.status, found.decision.reason_code) == ("running", "cost_undecided")
    assert found.units_needed is not None
    assert f"About {found.units_needed:,} more units would find an effect of 10%." in found.decision.explanation
    assert found.progress == pytest.approx(
        200 / (200 + max(found.units_needed, *(r.units_needed or 0 for r in found.guardrails)))
    )


def test_undecided_margin_says_how_many_more_units_it_takes() -> None:
    arms = varied(60, quality=0.8, spread=0.2), varied(60, 0.0005, quality=0.8, spread=0.2, seed=2)
    found = look(plan(), *arms)
    assert found.decision.reason_code == "guardrails_undecided"
    quality = next(result for result in found.guardrails if result.guardrail.metric == "quality")
    assert f"about {quality.units_needed:,} more units would show it" in found.decision.explanation.lower()


def test_experiment_ended_early_is_no_longer_running() -> None:
    found = look(plan(sample_size=100_000), varied(100), varied(100, seed=2), is_closed=True)
    assert (found.decision.status, found.decision.reason_code) == ("no_difference", "closed_early")
    assert "was ended before its planned size" in found.decision.explanation


def test_fixed_experiment_names_nobody_before_its_planned_size() -> None:
    found = look(plan(mode="fixed", sample_size=4000), varied(190, 0.001), varied(190, 0.0001, seed=2))
    assert found.decision.status == "running"
    assert (found.p_value, found.comparisons[0].interval) == (None, (None, None))


def test_fixed_experiment_decides_at_its_planned_size() -> None:
    found = look(plan(mode="fixed", sample_size=4000), varied(200, 0.001), varied(200, 0.0005, seed=2))
    assert found.decision.winner == "test"


def test_free_arm_is_cheaper_than_one_that_costs() -> None:
    # Nothing has no logarithm: the plain difference of 100 % is tested.
    found = look(plan(sample_size=4000), varied(200), varied(200, 0.0, seed=2))
    assert found.decision.winner == "test"
    assert found.comparisons[0].change == -1
    assert found.savings[0].estimate_usd == pytest.approx((found.arms["control"].cost_per_request_usd or 0) * 2000)


def test_best_of_three_must_beat_both_others() -> None:
    experiment = plan(weights={"control": 0.4, "a": 0.3, "b": 0.3}, sample_size=6000)
    control, a, b = varied(400), varied(300, 0.0005, seed=2), varied(300, 0.0005, seed=3)
    tied = analyze(experiment, {"control": control, "a": a, "b": b}, running_for=LONG_ENOUGH)
    assert tied.decision.status == "no_difference"
    cheapest = varied(300, 0.0002, seed=3)
    clear = analyze(experiment, {"control": control, "a": a, "b": cheapest}, running_for=LONG_ENOUGH)
    assert clear.decision.winner == "b"


def test_one_failing_treatment_does_not_stop_the_other() -> None:
    experiment = plan(weights={"control": 0.4, "a": 0.3, "b": 0.3}, sample_size=6000)
    arms = {
        "control": varied(400),
        "a": varied(300, 0.0008, latency_ms=3000, seed=2),
        "b": varied(300, 0.0005, seed=3),
    }
    assert analyze(experiment, arms, running_for=LONG_ENOUGH).decision.winner == "b"


def test_data_of_other_arms_are_refused() -> None:
    with pytest.raises(ValueError, match="The plan has the arms control, test"):
        analyze(plan(), {"control": varied(10), "treatment": varied(10)}, running_for=LONG_ENOUGH)


def test_scale_of_the_effects_bet_on_can_be_chosen() -> None:
    arms = varied(100), varied(100, 0.0009, seed=2)
    by_default, small, equal = (look(plan(tau=tau), *arms).p_value for tau in (None, 0.001, -math.log(0.9)))
    assert by_default == pytest.approx(equal)
    assert small != pytest.approx(equal)


def test_costs_that_cannot_be_compared_are_said_to_be_so() -> None:
    # Nobody asked anything in one of the arms: there is no ratio at all.
    idle = ArmData(np.zeros(30), np.zeros(30))
    found = look(plan(minima=Minima(0, 0, 0, 0)), varied(30), idle)
    assert "the cost of test cannot be compared with that of control" in found.decision.explanation


def test_arm_that_fails_against_the_control_says_so_when_the_other_is_cheaper() -> None:
    # The control is the cheapest but worse in quality: it cannot win, and nothing is wrong with the tested arm.
    control, test = varied(400, 0.0005, quality=0.6, spread=0.1), varied(400, quality=0.8, spread=0.1, seed=2)
    found = look(plan(sample_size=8000), control, test)
    assert (found.decision.status, found.decision.reason_code) == ("no_difference", "guardrails_undecided")
    assert (
        "quality of control is worse than that of test by more than the 5% allowed"
        in found.decision.explanation.lower()
    )


def test_p95_of_latency_gets_no_verdict_under_200_units() -> None:
    experiment = plan(guardrails=(Guardrail("latency_p95", 0.2),))
    few = look(experiment, _with_latencies(199, 1), _with_latencies(199, 1))
    enough = look(experiment, _with_latencies(200, 1), _with_latencies(200, 3))
    assert _p95_state(few) == "undecided"
    assert _p95_state(enough) == "failed"


def _with_latencies(units: int, slower: float) -> ArmData:
    arm, rng = varied(units), np.random.default_rng(1)
    values = slower * np.exp(rng.normal(6, 0.3, units * 10))
    return ArmData(arm.requests, arm.cost_usd, latencies=Latencies(values, np.repeat(np.arange(units), 10)))


def _p95_state(found: Analysis) -> str:
    return next(result.state for result in found.guardrails if result.guardrail.metric == "latency_p95")
