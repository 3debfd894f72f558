import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import traffic_split
from routing.domain.traffic_split import Arm, InvalidWeights, NamespaceFull, Split

HALVES = {"control": 0.5, "test": 0.5}
TWO_ARMS = (Arm("control", 0.5), Arm("test", 0.5))
THOUSAND = [f"user-{number}" for number in range(1000)]


@pytest.mark.parametrize("experiment_id", [1, 42, "7f3e5b1c-0000-4000-8000-000000000001", "launch", ""])
def test_each_half_gets_450_to_550_of_1000_users(experiment_id: object) -> None:
    arms = Counter(traffic_split.arm(experiment_id, user, HALVES) for user in THOUSAND)
    assert 450 <= arms["control"] <= 550
    assert arms.total() == 1000


@given(st.text(), st.text())
def test_same_unit_always_gets_the_same_arm(experiment_id: str, unit: str) -> None:
    assert traffic_split.arm(experiment_id, unit, HALVES) == traffic_split.arm(experiment_id, unit, HALVES)


def test_arm_follows_the_cumulative_weights() -> None:
    # The positions are 0.159 ("42:bob"), 0.920 and 0.977, as tests/experiments/vectors has them.
    weights = {"a": 0.1, "b": 0.85, "c": 0.05}
    assert traffic_split.arm(42, "bob", weights) == "b"
    assert traffic_split.arm("7f3e5b1c-0000-4000-8000-000000000001", "alice", weights) == "b"
    assert traffic_split.arm("exp", "", weights) == "c"


def test_weights_whose_sum_is_rounded_reach_every_arm() -> None:
    tenths = {str(number): 0.1 for number in range(10)}
    assert {traffic_split.arm("e", user, tenths) for user in THOUSAND} == set(tenths)


def test_experiments_of_1_and_50_percent_of_traffic_are_independent() -> None:
    users = [f"user-{number}" for number in range(100_000)]
    table = Counter(
        (traffic_split.is_in_traffic("small", user, 1), traffic_split.is_in_traffic("large", user, 50))
        for user in users
    )
    small, large = table[True, True] + table[True, False], table[True, True] + table[False, True]
    assert small == pytest.approx(1000, abs=100)
    assert large == pytest.approx(50_000, abs=600)
    # Pearson's chi-square of the four cells has one degree of freedom: 10.83 is passed once in a thousand times.
    expected = small * large / 100_000
    statistic = (table[True, True] - expected) ** 2 / expected / (1 - small / 100_000) / (1 - large / 100_000)
    assert statistic < 10.83


def test_traffic_share_does_not_say_anything_about_the_arm() -> None:
    taking_part = [user for user in THOUSAND if traffic_split.is_in_traffic("e", user, 50)]
    control = sum(traffic_split.arm("e", user, HALVES) == "control" for user in taking_part)
    # About 500 users take part; three standard deviations of their halves are 3 x sqrt(500) / 2 = 34.
    assert control == pytest.approx(len(taking_part) / 2, abs=34)


def test_all_and_none_of_the_traffic() -> None:
    assert all(traffic_split.is_in_traffic("e", user, 100) for user in THOUSAND)
    assert not any(traffic_split.is_in_traffic("e", user, 0) for user in THOUSAND)


def test_experiments_of_a_namespace_share_no_unit() -> None:
    first = {user for user in THOUSAND if traffic_split.is_in_namespace("prices", user, 0, 0.3)}
    second = {user for user in THOUSAND if traffic_split.is_in_namespace("prices", user, 0.3, 0.6)}
    assert not first & second
    assert 250 <= len(first) <= 350
    assert 250 <= len(second) <= 350


def test_free_range_is_the_first_gap_that_is_wide_enough() -> None:
    assert traffic_split.free_range([], 1) == (0, 1)
    assert traffic_split.free_range([(0.5, 0.7), (0, 0.2)], 0.3) == (0.2, 0.5)
    assert traffic_split.free_range([(0.5, 0.7), (0, 0.4)], 0.3) == (0.7, 1.0)


def test_full_namespace_says_so() -> None:
    with pytest.raises(NamespaceFull, match="No 30%"):
        traffic_split.free_range([(0.2, 0.9)], 0.3)


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
        traffic_split.check_weights(weights)


def test_thirds_are_weights() -> None:
    traffic_split.check_weights(dict.fromkeys("abc", 1 / 3))


def test_arms_of_a_split_are_those_of_its_weights() -> None:
    split = Split(42, 1, "user", (Arm("a", 0.1), Arm("b", 0.85), Arm("c", 0.05)), traffic_percent=0)
    weights = {arm.name: arm.weight for arm in split.arms}
    assert [split.arm_of(user).name for user in THOUSAND] == [traffic_split.arm(42, user, weights) for user in THOUSAND]


def test_split_takes_its_share_of_the_units() -> None:
    split = Split(42, 1, "user", TWO_ARMS, traffic_percent=30)
    # A deviation of three standard ones from 300 of 1,000 is 3 x sqrt(1000 x .3 x .7) = 43.
    assert sum(map(split.takes, THOUSAND)) == pytest.approx(300, abs=43)


def test_splits_of_a_namespace_take_all_units_of_their_ranges_and_none_twice() -> None:
    first = Split(1, 1, "user", TWO_ARMS, traffic_percent=40, namespace="prices", start=0.0, end=0.4)
    second = Split(2, 1, "user", TWO_ARMS, traffic_percent=60, namespace="prices", start=0.4, end=1.0)
    assert [split_count for user in THOUSAND if (split_count := first.takes(user) + second.takes(user)) != 1] == []


def test_arms_read_back_are_those_that_were_written() -> None:
    arms = (Arm("control", 0.5, strategy="complexity"), Arm("test", 0.5, policy_version=7))
    written = traffic_split.documents(arms)
    assert written[1] == {"name": "test", "weight": 0.5, "strategy": None, "policy_version": 7}
    assert traffic_split.parse(written) == arms
    assert [arm.rule for arm in arms] == ["complexity", "policy:7"]
