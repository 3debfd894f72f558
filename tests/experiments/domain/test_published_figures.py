"""The figures of other implementations: experiments/domain must come to the same within their tolerance."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import special

from experiments.domain import (
    group_sequential,
    jackknife,
    non_inferiority,
    power,
    proportions,
    quantile,
    sample_ratio,
    sequential,
    student,
    welch,
)
from routing.domain import traffic_split
from tests.experiments.domain import published
from tests.experiments.domain.published import cases, sample

Vector = dict[str, Any]


def test_relative_welch_test_agrees_with_growthbook() -> None:
    # gb-welch-rel: effect, standard error, interval and p-value, printed with five decimals.
    control = sample({"n": 3407, "sum": 1396.87, "sum_squares": 52377.9767})
    difference = welch.compare_relative(control, sample({"n": 3461, "sum": 2422.7, "sum_squares": 134698.29}))
    radius = student.quantile(0.975, difference.df) * math.sqrt(difference.variance)
    assert difference.effect == pytest.approx(0.70732, abs=5e-6)
    assert math.sqrt(difference.variance) == pytest.approx(0.37879, abs=5e-6)
    assert difference.effect - radius == pytest.approx(-0.03526, abs=5e-6)
    assert difference.effect + radius == pytest.approx(1.44989, abs=5e-6)
    assert student.two_sided_p(difference.t, difference.df) == pytest.approx(0.06191, abs=5e-6)


def test_one_sided_welch_tests_agree_with_growthbook() -> None:
    # gb-onesided-greater-rel and gb-onesided-lesser-rel.
    control = sample({"n": 3000, "sum": 1396.87, "sum_squares": 52377.9767})
    difference = welch.compare_relative(control, sample({"n": 3461, "sum": 2422.7, "sum_squares": 134698.29}))
    radius = student.quantile(0.95, difference.df) * math.sqrt(difference.variance)
    assert difference.effect == pytest.approx(0.5033610858562358, abs=5e-6)
    assert math.sqrt(difference.variance) == pytest.approx(0.3334122146400735, abs=5e-6)
    assert difference.effect - radius == pytest.approx(-0.045136675850396046, abs=5e-6)
    assert difference.effect + radius == pytest.approx(1.0518588475628676, abs=5e-6)
    assert student.lower_tail(-difference.t, difference.df) == pytest.approx(0.06558262868467746, abs=5e-6)
    assert student.lower_tail(difference.t, difference.df) == pytest.approx(0.9344173713153225, abs=5e-6)


def test_absolute_welch_interval_agrees_with_spotify_confidence() -> None:
    # sp-welch-2, to their own relative tolerance of 1e-3.
    control = sample({"n": 104, "sum": 312, "sum_squares": 984})
    difference = welch.compare(control, sample({"n": 1009, "sum": 1969, "sum_squares": 5767}))
    radius = student.quantile(0.975, difference.df) * math.sqrt(difference.variance)
    assert difference.effect == pytest.approx(-1.0485629, abs=1.5e-3)
    assert difference.effect - radius == pytest.approx(-1.205402, abs=1.5e-3)
    assert difference.effect + radius == pytest.approx(-0.891723, abs=1.5e-3)


@cases("anytime_valid_t")
def test_anytime_valid_t_agrees_with_avlm(inputs: Vector, expected: Vector, tolerance: float) -> None:
    r = inputs["g"] / (inputs["g"] + inputs["n"])
    log_e = sequential.log_e_value(math.sqrt(inputs["t2"]), inputs["nu"], r)
    assert log_e == pytest.approx(expected["log_G"], abs=tolerance)
    assert math.exp(-log_e) == pytest.approx(expected["p"], abs=tolerance)
    assert sequential.radius(inputs["nu"], r, inputs["alpha"]) == pytest.approx(expected["t_radius"], abs=tolerance)


@cases("sample_ratio_chi_square")
def test_sample_ratio_by_chi_square_agrees(inputs: Vector, expected: Vector, tolerance: float) -> None:
    p_value = sample_ratio.chi_square(inputs["observed"], inputs["weights"])
    assert p_value == pytest.approx(expected["p"], abs=tolerance)


@cases("sample_ratio_sequential")
def test_sequential_sample_ratio_test_agrees_with_ssrm(inputs: Vector, expected: Vector, tolerance: float) -> None:
    prior = [inputs["dirichlet_concentration"] * share for share in inputs["null"]]
    counts = np.cumsum(inputs["increments"], axis=0)
    factors = np.exp([sample_ratio.log_bayes_factor(seen, inputs["null"], prior) for seen in counts.tolist()])
    running = np.minimum.accumulate(np.minimum(1, 1 / factors))
    assert running.tolist() == pytest.approx(expected["p_values"], abs=tolerance)
    assert (factors / (1 + factors)).tolist() == pytest.approx(expected["posterior_prob"], abs=tolerance)


@cases("sample_ratio_increments")
def test_log_bayes_factors_agree_with_the_suite_of_ssrm(inputs: Vector, expected: Vector, tolerance: float) -> None:
    counts = np.cumsum(inputs["increments"], axis=0).tolist()
    factors = [sample_ratio.log_bayes_factor(seen, inputs["null"], inputs["dirichlet_alpha"]) for seen in counts]
    assert factors == pytest.approx(expected["log_bf"], abs=tolerance)


@cases("group_sequential")
def test_boundaries_of_the_power_family_agree_with_ldbounds(inputs: Vector, expected: Vector, tolerance: float) -> None:
    spent = [inputs["alpha"] * fraction ** inputs["phi"] for fraction in inputs["t"]]
    assert group_sequential.boundaries(inputs["t"], spent) == pytest.approx(expected["z"], abs=tolerance)


def test_boundaries_of_obrien_fleming_type_agree_with_the_published_ones() -> None:
    # Five equally spaced looks, two-sided 5 %, as ldbounds prints them.
    fractions = [0.2, 0.4, 0.6, 0.8, 1.0]
    spent = [group_sequential.obrien_fleming_spent(0.05, fraction) for fraction in fractions]
    assert group_sequential.boundaries(fractions, spent) == pytest.approx(
        [4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4
    )


@cases("non_inferiority")
def test_non_inferiority_agrees_with_spotify_confidence(inputs: Vector, expected: Vector, tolerance: float) -> None:
    control, treatment = sample(inputs["control"]), sample(inputs["treatment"])
    difference = welch.compare(control, treatment)
    low = difference.effect - student.quantile(1 - inputs["alpha"], math.inf) * math.sqrt(difference.variance)
    assert difference.effect == pytest.approx(expected["difference"], abs=tolerance)
    assert low == pytest.approx(expected["ci_lower"], abs=tolerance)
    # Not shown to be non-inferior: the bound of -0.072 lies beyond the margin of -2 % of 2.0042.
    assert non_inferiority.judge(low, None, -inputs["margin"] * control.mean, "higher") == "undecided"


@cases("one_sided_z")
def test_one_sided_z_tests_agree_with_spotify_confidence(inputs: Vector, expected: Vector, tolerance: float) -> None:
    difference = welch.compare(sample(inputs["control"]), sample(inputs["treatment"]))
    low = difference.effect - student.quantile(1 - inputs["alpha"], math.inf) * math.sqrt(difference.variance)
    assert low == pytest.approx(expected["ci_lower"], abs=tolerance)
    assert student.lower_tail(-difference.t, math.inf) == pytest.approx(expected["p"], abs=tolerance)


@cases("power_relative")
def test_power_agrees_with_growthbook(inputs: Vector, expected: Vector, tolerance: float) -> None:
    count = inputs["n_total"] / inputs["variations"]
    control = welch.Sample(inputs["mean"], inputs["sd"] ** 2 / count, count - 1)
    treatment = welch.Sample(inputs["mean"] * (1 + inputs["effect"]), control.variance, count - 1)
    difference = welch.compare_relative(control, treatment)
    found = power.power(difference.effect, math.sqrt(difference.variance), inputs["alpha"])
    assert found == pytest.approx(expected["power"], abs=tolerance)


@cases("sample_size_normal")
def test_sample_size_of_two_means_agrees_with_gpower(inputs: Vector, expected: Vector, tolerance: float) -> None:
    target = power.variance_to_reach("fixed", inputs["mde"], inputs["mde"], inputs["alpha"], inputs["power"])
    assert 4 * inputs["variance"] / target == pytest.approx(expected["n_total"], abs=tolerance)


@cases("power_unequal")
def test_power_of_unequal_groups_agrees_with_gpower(inputs: Vector, expected: Vector, tolerance: float) -> None:
    error = math.sqrt(inputs["variance"] * (1 / inputs["n1"] + 1 / inputs["n2"]))
    assert power.power(inputs["mde"], error, inputs["alpha"]) == pytest.approx(expected["power"], abs=tolerance)


@cases("sample_size_t")
def test_sample_size_of_the_t_test_agrees_with_statsmodels(inputs: Vector, expected: Vector, tolerance: float) -> None:
    count = power.units_per_arm(inputs["d"], inputs["alpha"], inputs["power"])
    normal = 2 / power.variance_to_reach("fixed", inputs["d"], 1, inputs["alpha"], inputs["power"])
    assert count == pytest.approx(expected["n1_t"], abs=tolerance)
    assert normal == pytest.approx(expected["n1_normal"], abs=tolerance)


@cases("quantile_clustered")
def test_variance_of_a_clustered_quantile_agrees_with_growthbook(
    inputs: Vector, expected: Vector, tolerance: float
) -> None:
    values = published.clustered_arms()["control"].latencies
    assert values is not None
    below = np.bincount(values.units, weights=values.values_ms <= inputs["quantile_hat"]).astype(np.float64)
    requests = np.bincount(values.units).astype(np.float64)
    clustered = quantile.ratio_variance(below, requests)
    variance = quantile.observation_variance(
        inputs["n"], inputs["quantile_lower"], inputs["quantile_upper"], inputs["nu"], clustered
    )
    assert clustered == pytest.approx(expected["cluster_variance"], abs=tolerance)
    assert variance == pytest.approx(expected["variance"], rel=1e-9)


def test_quantile_finds_the_order_statistics_that_growthbook_used() -> None:
    # gb-quantile-clustered-control: the median 825.4 of 62 latencies, variance 401582.6157 / 62.
    latencies = published.clustered_arms()["control"].latencies
    assert latencies is not None
    median = quantile.estimate(latencies, 0.5)
    assert median is not None
    assert median.mean == 825.4
    assert median.variance == pytest.approx(401582.61569274723 / 62, rel=1e-9)


@cases("md5_position")
def test_position_is_the_first_32_bits_of_md5(inputs: Vector, expected: Vector, tolerance: float) -> None:
    found = traffic_split.position(f"{inputs['experiment_id']}:{inputs['user_id']}")
    assert found == pytest.approx(expected["unit"], abs=tolerance)


def test_requests_taken_as_units_give_the_welch_test_of_statsmodels() -> None:
    # cluster-welch-naive: statsmodels CompareMeans on the single requests.
    control, treatment = (published.clustered_costs(arm) for arm in ("control", "treatment"))
    samples = [jackknife.ratio(costs, np.ones(len(costs))) for costs in (control, treatment)]
    assert samples[0] is not None
    assert samples[1] is not None
    difference = welch.compare(samples[0], samples[1])
    assert difference.t == pytest.approx(-1.5321492915662756, abs=1e-9)
    assert difference.df == pytest.approx(109.22242103402048, abs=1e-9)
    assert student.two_sided_p(difference.t, difference.df) == pytest.approx(0.12837702457924483, abs=1e-9)


def test_jackknife_over_users_agrees_with_a_second_implementation() -> None:
    # cluster-jackknife-own.
    arms = published.clustered_arms()
    control = jackknife.log_ratio(arms["control"].cost_usd, arms["control"].requests)
    treatment = jackknife.log_ratio(arms["treatment"].cost_usd, arms["treatment"].requests)
    assert control is not None
    assert treatment is not None
    assert (control.variance, treatment.variance) == pytest.approx((0.04663495952097388, 0.02735546457083989), abs=1e-9)
    assert (control.df + 1, treatment.df + 1) == pytest.approx((10.445652173913043, 9.861189801699716), abs=1e-9)
    difference = welch.compare(control, treatment)
    assert difference.effect == pytest.approx(-0.3036064553213666, abs=1e-9)
    assert difference.df == pytest.approx(17.396479170902396, abs=1e-9)
    assert difference.t == pytest.approx(-1.1161517462503419, abs=1e-9)
    assert student.two_sided_p(difference.t, difference.df) == pytest.approx(0.2795375281703017, abs=1e-9)


def test_anytime_valid_interval_of_clustered_costs_agrees_with_a_second_implementation() -> None:
    # cluster-jackknife-own, with tau 0.2 and alpha 0.05.
    variance, df, t = 0.04663495952097388 + 0.02735546457083989, 17.396479170902396, -1.1161517462503419
    rule = sequential.Anytime(0.05)
    r = variance / (variance + 0.2**2)
    assert sequential.log_e_value(t, df, r) == pytest.approx(0.002176806885135052, abs=1e-9)
    assert rule.p_value(t, df, variance, 0.2) == pytest.approx(0.9978255606407788, abs=1e-9)
    reach = (rule.critical(df, variance, 0.2) or math.nan) * math.sqrt(variance)
    assert (-0.3036064553213666 - reach, -0.3036064553213666 + reach) == pytest.approx(
        (-2.902349324449341, 2.2951364138066075), abs=1e-9
    )


def test_chi_square_of_two_rates_agrees_with_scipy() -> None:
    # By hand: pooled rate 0.185, statistic 2 x 6.5^2 / (100 x 0.185 x 0.815) = 5.604377.
    expected = float(special.chdtrc(1, 2 * 6.5**2 / (100 * 0.185 * 0.815)))
    assert proportions.chi_square((12, 25), (100, 100)) == pytest.approx(expected, rel=1e-12)
