from fractions import Fraction

import pytest

from learning.domain import aging
from learning.domain.evidence import MICRO
from tests.learning.domain.evidence_of import evidence


def test_means_are_exact() -> None:
    found = evidence([5, 5, 3], correct_count=1, judged_count=2)

    assert found.avg_quality == Fraction(13, 3)
    assert found.correctness_rate == Fraction(1, 2)


def test_correctness_is_unknown_where_nobody_judged_it() -> None:
    assert evidence([5, 5], correct_count=0, judged_count=0).correctness_rate is None


def test_standard_error_of_the_mean() -> None:
    # Stars 1, 3, 5: sample variance (4 + 0 + 4) / 2 = 4, so the mean's standard error is √(4/3).
    assert evidence([1, 3, 5]).standard_error == pytest.approx(1.1547005383792515)


def test_one_rating_has_no_spread() -> None:
    assert evidence([1]).standard_error == 0.0


def test_a_person_who_rates_often_is_one_voice() -> None:
    # One person gave ten times five stars, two others once two: (5 + 2 + 2) / 3 stars by voice.
    found = evidence([5] * 10 + [2, 2], distinct_users=3, voice_sum=9 * MICRO, voice_weight=3)

    assert found.robust_quality == 3
    assert found.avg_quality == Fraction(54, 12)


def test_costs_at_the_new_price_count_once_there_are_five() -> None:
    four = evidence([5] * 20, cost_nano_usd=20_000, new_price_count=4, new_price_nano_usd=400)
    five = evidence([5] * 20, cost_nano_usd=20_000, new_price_count=5, new_price_nano_usd=500)

    assert (four.expected_cost_nano_usd, five.expected_cost_nano_usd) == (1000, 100)
    assert (five.avg_cost_nano_usd, five.total_cost_nano_usd) == (1000, 20_000)


def test_a_cost_nobody_knows_is_unknown_and_not_free() -> None:
    found = evidence([5] * 5, cost_count=0, cost_nano_usd=0, new_price_count=0, new_price_nano_usd=0)

    assert (found.avg_cost_nano_usd, found.total_cost_nano_usd, found.expected_cost_nano_usd) == (None, None, None)


def test_a_rating_weighs_half_for_each_thirty_days() -> None:
    steps = aging.steps()

    assert [(age.days, weight) for age, weight in steps[:3]] == [(30, 1024), (60, 512), (90, 256)]
    assert steps[-1][1] == 2 * aging.OLDEST
