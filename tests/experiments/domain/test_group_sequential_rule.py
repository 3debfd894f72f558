import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from experiments.domain import group_sequential, student
from experiments.domain.group_sequential import Look


def test_all_of_alpha_is_spent_at_the_end() -> None:
    assert group_sequential.obrien_fleming_spent(0.05, 1.0) == pytest.approx(0.05)
    assert group_sequential.obrien_fleming_spent(0.01, 1.0) == pytest.approx(0.01)


def test_one_look_at_the_end_is_the_classical_test() -> None:
    rule = Look(0.05, (1.0,))
    assert rule.critical(math.inf, 1.0, 1.0) == pytest.approx(1.959964, abs=1e-6)
    assert rule.p_value(1.959964, math.inf, 1.0, 1.0) == pytest.approx(0.05, abs=1e-6)


def test_first_looks_of_many_spend_nothing_and_show_no_interval() -> None:
    rule = Look(0.05, (0.01, 0.02))
    assert rule.critical(100, 1.0, 1.0) is None
    assert rule.p_value(5.0, math.inf, 1.0, 1.0) > 0.9


def test_hundred_looks_spend_alpha_in_simulation() -> None:
    # A second computation of the same probability: 40,000 random walks, whose share beyond the boundaries has a
    # standard error of sqrt(.05 x .95 / 40,000) = 0.11 %.
    fractions = np.arange(1, 101) / 100
    spent = [group_sequential.obrien_fleming_spent(0.05, fraction) for fraction in fractions]
    limits = np.array(group_sequential.boundaries(fractions.tolist(), spent))
    steps = np.random.default_rng(1).normal(0, 0.1, (40_000, 100))
    z = np.cumsum(steps, axis=1) / np.sqrt(fractions)
    assert (np.abs(z) >= limits).any(axis=1).mean() == pytest.approx(0.05, abs=0.0035)


@settings(max_examples=25)
@given(st.integers(1, 12), st.floats(0, 6), st.floats(4, 500))
def test_p_value_reaches_alpha_exactly_where_the_interval_leaves_zero(looks: int, t: float, df: float) -> None:
    rule = Look(0.05, tuple(number / 12 for number in range(1, looks + 1)))
    critical = rule.critical(df, 1.0, 1.0) or math.inf
    p_value = rule.p_value(t, df, 1.0, 1.0)
    assert 0 <= p_value <= 1
    assert (p_value <= 0.05 + 1e-9) == (t >= critical - 1e-6)


def test_p_value_between_levels_lies_near_the_exact_one() -> None:
    # At the second of two looks at 0.5 and 1: the boundary of alpha = .03 must come back as about .03.
    boundary = group_sequential.boundaries(
        [0.5, 1.0], [group_sequential.obrien_fleming_spent(0.03, fraction) for fraction in (0.5, 1.0)]
    )[-1]
    assert Look(0.05, (0.5, 1.0)).p_value(boundary, math.inf, 1.0, 1.0) == pytest.approx(0.03, rel=0.01)


def test_looks_cost_next_to_no_power() -> None:
    fractions = [number / 5 for number in range(1, 6)]
    spent = [group_sequential.obrien_fleming_spent(0.05, fraction) for fraction in fractions]
    limits = group_sequential.boundaries(fractions, spent)
    # Without an effect, what is spent; with one that a single look finds with 80 %, nearly as much. Jennison and
    # Turnbull (2000), table 2.4: five O'Brien-Fleming looks take 2.8 % more units for the same power.
    assert group_sequential.crossing_chance(fractions, limits, 0.0) == pytest.approx(0.05, abs=1e-6)
    single = 1.959964 + 0.841621
    assert group_sequential.crossing_chance(fractions, limits, single * math.sqrt(1.028)) == pytest.approx(
        0.8, abs=0.003
    )


@given(st.floats(-30, 30), st.floats(1, 1e6))
def test_t_and_z_are_as_unlikely_as_each_other(t: float, df: float) -> None:
    z = student.as_z(t, df)
    assert float(special.ndtr(-z)) == pytest.approx(student.lower_tail(-abs(t), df), rel=1e-6)
    assert student.from_z(z, df) == pytest.approx(abs(t), rel=1e-4, abs=1e-6)


def test_z_without_bound_has_no_t() -> None:
    assert student.from_z(math.inf, 10) is None
    assert student.as_z(1e200, 50) == 37.5
