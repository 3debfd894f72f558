import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.domain import assignment
from experiments.domain.assignment import InvalidWeights, NamespaceFull

HALVES = {"control": 0.5, "test": 0.5}
THOUSAND = [f"user-{number}" for number in range(1000)]


@pytest.mark.parametrize("experiment_id", [1, 42, "7f3e5b1c-0000-4000-8000-000000000001", "launch", ""])
def test_each_half_gets_450_to_550_of_1000_users(experiment_id: object) -> None:
    arms = Counter(assignment.arm(experiment_id, user, HALVES) for user in THOUSAND)
    assert 450 <= arms["control"] <= 550
    assert arms.total() == 1000


@given(st.text(), st.text())
def test_same_unit_always_gets_the_same_arm(experiment_id: str, unit: str) -> None:
    assert assignment.arm(experiment_id, unit, HALVES) == assignment.arm(experiment_id, unit, HALVES)


def test_arm_follows_the_cumulative_weights() -> None:
    # The positions are 0.159 ("42:bob"), 0.920 and 0.977, as tests/experiments/vectors has them.
    weights = {"a": 0.1, "b": 0.85, "c": 0.05}
    assert assignment.arm(42, "bob", weights) == "b"
    assert assignment.arm("7f3e5b1c-0000-4000-8000-000000000001", "alice", weights) == "b"
    assert assignment.arm("exp", "", weights) == "c"


def test_weights_whose_sum_is_rounded_reach_every_arm() -> None:
    tenths = {str(number): 0.1 for number in range(10)}
    assert {assignment.arm("e", user, tenths) for user in THOUSAND} == set(tenths)


def test_experiments_of_1_and_50_percent_of_traffic_are_independent() -> None:
    users = [f"user-{number}" for number in range(100_000)]
    table = Counter(
        (assignment.is_in_traffic("small", user, 1), assignment.is_in_traffic("large", user, 50)) for user in users
    )
    small, large = table[True, True] + table[True, False], table[True, True] + table[False, True]
    assert small == pytest.approx(1000, abs=100)
    assert large == pytest.approx(50_000, abs=600)
    # Pearson's chi-square of the four cells has one degree of freedom: 10.83 is passed once in a thousand times.
    expected = small * large / 100_000
    statistic = (table[True, True] - expected) ** 2 / expected / (1 - small / 100_000) / (1 - large / 100_000)
    assert statistic < 10.83


def test_traffic_share_does_not_say_anything_about_the_arm() -> None:
    taking_part = [user for user in THOUSAND if assignment.is_in_traffic("e", user, 50)]
    control = sum(assignment.arm("e", user, HALVES) == "control" for user in taking_part)
    # About 500 users take part; three standard deviations of their halves are 3 x sqrt(500) / 2 = 34.
    assert control == pytest.approx(len(taking_part) / 2, abs=34)


def test_all_and_none_of_the_traffic() -> None:
    assert all(assignment.is_in_traffic("e", user, 100) for user in THOUSAND)
    assert not any(assignment.is_in_traffic("e", user, 0) for user in THOUSAND)


def test_experiments_of_a_namespace_share_no_unit() -> None:
    first = {user for user in THOUSAND if assignment.is_in_namespace("prices", user, 0, 0.3)}
    second = {user for user in THOUSAND if assignment.is_in_namespace("prices", user, 0.3, 0.6)}
    assert not first & second
    assert 250 <= len(first) <= 350
    assert 250 <= len(second) <= 350


def test_free_range_is_the_first_gap_that_is_wide_enough() -> None:
    assert assignment.free_range([], 1) == (0, 1)
    assert assignment.free_range([(0.5, 0.7), (0, 0.2)], 0.3) == (0.2, 0.5)
    assert assignment.free_range([(0.5, 0.7), (0, 0.4)], 0.3) == (0.7, 1.0)


def test_full_namespace_says_so() -> None:
    with pytest.raises(NamespaceFull, match="No 30%"):
        assignment.free_range([(0.2, 0.9)], 0.3)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"control": 1.0}, "at least two arms"),
        ({"control": 0.5, "test": 0.4}, "must add up to 1, not 0.9"),
        ({"control": 1.5, "test": -0.5}, "between 0 and 1"),
        ({"control": math.nan, "test": 0.5}, "between 0 and 1"),
        ({"control": math.inf, "test": 0.5}, "between 0 and 1"),
    ],
)
def test_weights_that_cannot_split_traffic_are_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidWeights, match=message):
        assignment.check_weights(weights)


def test_thirds_are_weights() -> None:
    assignment.check_weights(dict.fromkeys("abc", 1 / 3))
