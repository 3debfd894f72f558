import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.domain import jackknife, metrics, non_inferiority, quantile, sequential
from experiments.domain.units import ArmData, Latencies, UnitSums, effective_number
from tests.experiments.domain.arms import constant, look, plan, varied

POSITIVE = st.floats(0.01, 100)


def test_requests_are_added_up_by_unit() -> None:
    sums = UnitSums()
    sums.add("ann", cost_usd=0.1, latency_ms=100, is_error=False, reference_cost_usd=0.2)
    sums.add("bob", cost_usd=0.2, is_error=True, reference_cost_usd=0.3)
    sums.add("ann", cost_usd=0.3, latency_ms=300, is_error=False, quality=0.5, reference_cost_usd=0.4)
    sums.rate("bob", 1.0)
    sums.expose("eve")
    arm = sums.arm(with_latencies=True)
    assert arm.requests.tolist() == [2, 1, 0]
    assert arm.cost_usd.tolist() == pytest.approx([0.4, 0.2, 0])
    assert arm.reference_cost_usd is not None
    assert arm.reference_cost_usd.tolist() == pytest.approx([0.6, 0.3, 0])
    assert arm.latency_ms is not None
    assert arm.latency_ms.tolist() == [400, 0, 0]
    assert arm.errors is not None
    assert arm.errors.tolist() == [0, 1, 0]
    assert arm.quality is not None
    assert arm.quality.tolist() == [0.5, 1, 0]
    assert arm.latencies is not None
    assert arm.latencies.values_ms.tolist() == [100, 300]


def test_what_nobody_measured_is_none() -> None:
    sums = UnitSums()
    sums.add("ann", cost_usd=0.1)
    arm = sums.arm(with_latencies=True)
    assert (arm.latency_ms, arm.quality, arm.reference_cost_usd, arm.errors, arm.latencies) == (None,) * 5


def test_reference_of_some_requests_only_is_no_reference() -> None:
    sums = UnitSums()
    sums.add("ann", cost_usd=0.1, reference_cost_usd=0.2)
    sums.add("bob", cost_usd=0.1)
    assert sums.arm().reference_cost_usd is None


def test_more_units_than_at_first_thought_are_kept() -> None:
    sums = UnitSums()
    for number in range(100):
        sums.add(str(number), cost_usd=number)
    assert sums.arm().cost_usd.tolist() == list(range(100))


@pytest.mark.parametrize(
    ("sums", "message"),
    [
        ({"errors": [2.0, 0.0]}, "more errors than requests"),
        ({"quality": [1.0, 1.0], "ratings": [2.0, 1.0]}, "more ratings than requests"),
        ({"quality": [1.0, 1.0]}, "come with the number"),
        ({"latency_ms": [1.0, 1.0]}, "come with the number"),
        ({"errors": [0.0]}, "one value for each of the 2 units"),
    ],
)
def test_sums_that_do_not_fit_together_are_refused(sums: dict[str, list[float]], message: str) -> None:
    arrays: dict[str, Any] = {name: np.array(values) for name, values in sums.items()}
    with pytest.raises(ValueError, match=message):
        ArmData(np.ones(2), np.ones(2), **arrays)


def test_effective_number_is_that_of_equal_weights() -> None:
    assert effective_number(np.ones(7)) == pytest.approx(7)
    # (3 + 1)^2 / (9 + 1) = 1.6.
    assert effective_number(np.array([3.0, 1.0, 0.0])) == pytest.approx(1.6)
    assert effective_number(np.zeros(3)) == 0
    assert effective_number(np.array([1e300, 1e300])) == pytest.approx(2)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=2, max_size=20))
def test_jackknife_leaves_out_one_unit_at_a_time(units: list[tuple[float, float]]) -> None:
    numerators, denominators = (np.array(values) for values in zip(*units, strict=True))
    count = len(units)
    left = [math.log(np.delete(numerators, g).sum() / np.delete(denominators, g).sum()) for g in range(count)]
    expected = (count - 1) / count * sum((value - sum(left) / count) ** 2 for value in left)
    found = jackknife.log_ratio(numerators, denominators)
    assert found is not None
    assert found.mean == pytest.approx(math.log(numerators.sum() / denominators.sum()), abs=1e-9)
    assert found.variance == pytest.approx(expected, rel=1e-6, abs=1e-18)


@given(st.lists(POSITIVE, min_size=2, max_size=30))
def test_jackknife_of_a_mean_is_the_classical_variance(values: list[float]) -> None:
    observed = np.array(values)
    found = jackknife.ratio(observed, np.ones(len(values)))
    assert found is not None
    assert found.mean == pytest.approx(observed.mean())
    assert found.variance == pytest.approx(observed.var(ddof=1) / len(values), rel=1e-6, abs=1e-18)
    assert found.df == pytest.approx(len(values) - 1)


@pytest.mark.parametrize(
    ("numerators", "denominators"),
    [([1.0], [1.0]), ([], []), ([0.0, 0.0], [1.0, 1.0]), ([0.0, 5.0], [1.0, 1.0]), ([1.0, 1.0], [0.0, 1.0])],
)
def test_there_is_no_logarithm_without_two_units_that_count(numerators: list[float], denominators: list[float]) -> None:
    assert jackknife.log_ratio(np.array(numerators), np.array(denominators)) is None


def test_equal_data_have_no_variance() -> None:
    found = metrics.compare(metrics.COST_PER_REQUEST, constant(50, 0.0002), constant(60, 0.0001))
    assert found is not None
    assert found.is_constant
    assert found.effect == pytest.approx(math.log(0.5))


def test_no_error_in_few_requests_is_no_certainty() -> None:
    arms = constant(50, 1, errors=np.zeros(50)), constant(50, 1, errors=np.zeros(50))
    careful = metrics.compare(metrics.ERROR_RATE, *arms)
    plain = metrics.compare(metrics.ERROR_RATE, *arms, smoothed=False)
    assert careful is not None
    assert plain is not None
    # One in 52: 2 x (1/52)(51/52)/52 = 0.000725.
    assert careful.variance == pytest.approx(2 * (1 / 52) * (51 / 52) / 52)
    assert plain.is_constant


def test_metric_of_one_arm_cannot_be_compared() -> None:
    assert metrics.compare(metrics.QUALITY, varied(30, quality=0.8), varied(30)) is None


@pytest.mark.parametrize(
    ("scale", "better", "worst"),
    [
        ("log", "lower", math.log(1.2)),
        ("log", "higher", math.log(0.8)),
        ("share", "lower", 0.2),
        ("points", "higher", -0.2),
    ],
)
def test_margin_begins_on_the_bad_side(scale: metrics.Scale, better: str, worst: float) -> None:
    assert non_inferiority.worst_effect(0.2, better, scale) == pytest.approx(worst)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [(-0.1, 0.1, "passed"), (-0.1, 0.3, "undecided"), (0.3, 0.4, "failed"), (None, None, "undecided")],
)
def test_interval_decides_about_a_margin(low: float | None, high: float | None, state: str) -> None:
    assert non_inferiority.judge(low, high, 0.2, "lower") == state
    # The same turned round, where higher is better.
    turned = (None if high is None else -high), (None if low is None else -low)
    assert non_inferiority.judge(*turned, -0.2, "higher") == state


def test_percentile_of_few_latencies_is_unknown() -> None:
    assert quantile.estimate(Latencies(np.arange(70.0), np.arange(70)), 0.95) is None
    assert quantile.estimate(Latencies(np.array([]), np.array([], dtype=np.intp)), 0.95) is None
    known = quantile.estimate(Latencies(np.arange(100.0), np.arange(100)), 0.95)
    assert known is not None
    assert known.mean == 94


def test_latencies_of_one_unit_have_no_variance_to_speak_of() -> None:
    assert quantile.estimate(Latencies(np.arange(100.0), np.zeros(100, dtype=np.intp)), 0.95) is None


def test_anytime_valid_t_with_many_degrees_of_freedom_is_the_normal_one() -> None:
    assert sequential.log_e_value(3.0, math.inf, 0.1) == pytest.approx(sequential.log_e_value(3.0, 1e9, 0.1), rel=1e-6)
    assert sequential.radius(math.inf, 0.1, 0.05) == pytest.approx(sequential.radius(1e9, 0.1, 0.05), rel=1e-6)


@settings(max_examples=30)
@given(st.integers(1, 1000), st.sampled_from([0.2, 1.0, 5.0]))
def test_reversed_comparison_is_its_own_reverse(seed: int, factor: float) -> None:
    experiment = plan(mode="fixed", sample_size=600)
    found = look(experiment, varied(30, seed=seed), varied(30, latency_ms=800 * factor, seed=seed + 2000))
    for comparison in found.comparisons:
        there_and_back = comparison.reversed().reversed()
        assert there_and_back.change == pytest.approx(comparison.change)
        assert there_and_back.interval == pytest.approx(comparison.interval)
