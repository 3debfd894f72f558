"""Cost-quality curves on points that are small enough to work out by hand."""

import numpy as np
import pytest

from benchmarks.routing import curves, pair_measures


def hull_of(*points):
    return curves.hull(np.array([cost for cost, _ in points]), np.array([quality for _, quality in points]))


def vertices(hull):
    return list(zip(hull.cost.tolist(), hull.quality.tolist(), strict=True))


# A cheap model of 0.5 at no cost, a dear one of 0.9 at 1.
MIX = hull_of((0.0, 0.5), (1.0, 0.9))


def test_a_hull_keeps_what_no_mix_of_others_reaches() -> None:
    # At cost 1 the line from (0, 0) to (2, 1) is at 0.5: 0.6 lies above it, 0.4 below.
    assert vertices(hull_of((2.0, 1.0), (0.0, 0.0), (1.0, 0.6))) == [(0.0, 0.0), (1.0, 0.6), (2.0, 1.0)]
    assert vertices(hull_of((2.0, 1.0), (0.0, 0.0), (1.0, 0.4))) == [(0.0, 0.0), (2.0, 1.0)]


def test_a_hull_ends_at_its_best_point() -> None:
    assert vertices(hull_of((0.0, 0.2), (1.0, 0.8), (2.0, 0.7), (3.0, 0.8))) == [(0.0, 0.2), (1.0, 0.8)]


def test_of_points_at_one_cost_the_best_counts() -> None:
    assert vertices(hull_of((0.0, 0.2), (0.0, 0.4), (1.0, 0.6), (1.0, 0.5))) == [(0.0, 0.4), (1.0, 0.6)]


def test_the_area_counts_the_flat_part_beyond_the_last_vertex() -> None:
    # A triangle of 1 * 0.4 / 2 on a base of 1 * 0.2, then a rectangle of 1 * 0.6.
    assert hull_of((0.0, 0.2), (1.0, 0.6)).area(0.0, 2.0) == pytest.approx(0.2 + 0.2 + 0.6)


def test_the_area_may_begin_and_end_between_vertices() -> None:
    # The line q = 0.5 + 0.4 c from 0.25 to 0.75 has its mean, 0.7, in the middle.
    assert MIX.area(0.25, 0.75) == pytest.approx(0.5 * 0.7)


def test_random_mix_closes_nothing_and_the_oracle_everything() -> None:
    oracle = hull_of((0.0, 0.5), (0.4, 0.9))

    assert curves.area_closed(MIX, MIX, oracle, 0.0, 1.0) == pytest.approx(0.0)
    assert curves.area_closed(oracle, MIX, oracle, 0.0, 1.0) == pytest.approx(1.0)


def test_the_share_of_area_closed() -> None:
    # Mix: (0.5 + 0.9) / 2 = 0.70. Oracle: 0.4 * 0.7 + 0.6 * 0.9 = 0.82. Router: 0.8 * 0.7 + 0.2 * 0.9 = 0.74.
    # (0.74 - 0.70) / (0.82 - 0.70) = 1/3.
    router, oracle = hull_of((0.0, 0.5), (0.8, 0.9)), hull_of((0.0, 0.5), (0.4, 0.9))

    assert curves.area_closed(router, MIX, oracle, 0.0, 1.0) == pytest.approx(1 / 3)


def test_a_router_below_the_mix_closes_a_negative_share() -> None:
    # Always the cheap model: 0.5 against 0.7 of the mix and 0.82 of the oracle.
    router, oracle = hull_of((0.0, 0.5)), hull_of((0.0, 0.5), (0.4, 0.9))

    assert curves.area_closed(router, MIX, oracle, 0.0, 1.0) == pytest.approx(-0.2 / 0.12)


def test_savings_are_read_where_the_curve_first_has_the_quality() -> None:
    # 98 % of 0.9 is 0.882, which the line from (0, 0.5) to (0.5, 0.9) reaches at 0.5 * 0.382 / 0.4 = 0.4775.
    router = hull_of((0.0, 0.5), (0.5, 0.9))

    assert curves.saved_at(router, 0.98, 0.9, 1.0) == pytest.approx(1 - 0.4775)
    assert curves.saved_at(router, 1.0, 0.9, 1.0) == pytest.approx(0.5)


def test_nothing_is_saved_at_a_quality_that_is_never_reached() -> None:
    assert np.isnan(curves.saved_at(hull_of((0.0, 0.5), (1.0, 0.89)), 1.0, 0.9, 1.0))


def test_a_random_router_recovers_half_the_gap_on_average() -> None:
    # RouteLLM's random baseline: APGR 0.5 and, on the line, CPT(50) = 50 % and CPT(80) = 80 %.
    calls, quality = np.array([0.25, 0.5, 0.75]), np.array([0.6, 0.7, 0.8])

    assert pair_measures.apgr(calls, quality, 0.5, 0.9) == pytest.approx(0.5)
    assert pair_measures.cpt(0.5, calls, quality, 0.5, 0.9) == pytest.approx(0.5)
    assert pair_measures.cpt(0.8, calls, quality, 0.5, 0.9) == pytest.approx(0.8)


def test_apgr_is_the_area_that_the_reference_implementation_computes() -> None:
    # RouteLLM's evaluate.py: (AUC - weak AUC) / (strong AUC - weak AUC) by the trapezoidal rule over shares of calls.
    # AUC of (0, .5), (.2, .7), (.5, .85), (1, .9) = .2 * .6 + .3 * .775 + .5 * .875 = .79; (.79 - .5) / .4 = .725.
    calls, quality = np.array([0.2, 0.5]), np.array([0.7, 0.85])

    assert pair_measures.apgr(calls, quality, 0.5, 0.9) == pytest.approx(0.725)


def test_cpt_lies_between_settings_on_a_line() -> None:
    # PGR is 0.5 at 20 % of calls and 0.875 at 50 %: 0.8 at 0.2 + 0.3 * 0.3 / 0.375 = 0.44.
    calls, quality = np.array([0.5, 0.2]), np.array([0.85, 0.7])

    assert pair_measures.cpt(0.5, calls, quality, 0.5, 0.9) == pytest.approx(0.2)
    assert pair_measures.cpt(0.8, calls, quality, 0.5, 0.9) == pytest.approx(0.44)
