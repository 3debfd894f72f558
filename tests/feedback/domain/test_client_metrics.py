from typing import Any

import pytest

from feedback.domain import metrics


@pytest.mark.parametrize("value", [True, False, 0, 1, -5, 0.25, 10**300, -1e308])
def test_booleans_and_finite_numbers_can_be_kept(value: float) -> None:
    assert metrics.problems({"anything_2": value}) == {}


@pytest.mark.parametrize("value", [None, "1", [], {}, float("nan"), float("inf"), -float("inf"), 10**400])
def test_anything_else_is_refused_by_name(value: Any) -> None:
    assert metrics.problems({"good": 1, "bad": value}) == {"bad": "Use true, false or a finite number."}


@pytest.mark.parametrize("name", ["", "Upper", "9lives", "_x", "with space", "a-b", "é", "a" * 65, "a\n", 5, None])
def test_other_names_are_refused(name: Any) -> None:
    assert list(metrics.problems({name: 1})) == [str(name)]


def test_longest_name_is_kept() -> None:
    assert metrics.problems({"a" * 64: 1}) == {}


@pytest.mark.parametrize("name", sorted(metrics.REWARDED))
@pytest.mark.parametrize("value", [-0.001, 1.001, 2, -1])
def test_rewarded_metric_beyond_its_range_is_refused(name: str, value: float) -> None:
    assert metrics.problems({name: value}) == {name: "Use true, false or a number from 0 to 1."}


@pytest.mark.parametrize("name", sorted(metrics.REWARDED))
@pytest.mark.parametrize("value", [True, False, 0, 1, 0.5])
def test_rewarded_metric_within_its_range_is_kept(name: str, value: float) -> None:
    assert metrics.problems({name: value}) == {}
