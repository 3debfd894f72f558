import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.domain.metrics import REWARDED
from feedback.domain.reward import reward

STARS = st.integers(1, 5)
ANSWER = st.sampled_from([None, False, True])
SHARES = st.floats(0, 1)
MEASURED = st.fixed_dictionaries({}, optional={name: SHARES for name in REWARDED})


@pytest.mark.parametrize(
    ("stars", "expected"),
    [(1, 0.0), (2, 0.25), (3, 0.5), (4, 0.75), (5, 1.0)],
)
def test_stars_alone_span_the_unit_interval(stars: int, expected: float) -> None:
    assert reward(quality_score=stars, is_correct=None, is_helpful=None, metrics={}) == expected


def test_parts_are_weighed_as_documented() -> None:
    # Stars 0.75 x 1, correct 1 x 1, not helpful 0 x 0.5: 1.75 / 2.5.
    assert reward(quality_score=4, is_correct=True, is_helpful=False, metrics={}) == pytest.approx(0.7)


def test_metrics_count_beside_the_stars() -> None:
    # Stars 0.5 x 1, tests passed 1 x 1, retried, which is bad, 0 x 0.5, edit distance 0.2, so 0.8 x 0.5: 1.9 / 3.
    measured = {"test_passed": True, "user_retried": True, "edit_distance": 0.2}
    assert reward(quality_score=3, is_correct=None, is_helpful=None, metrics=measured) == pytest.approx(1.9 / 3)


def test_metrics_nobody_knows_are_not_rewarded() -> None:
    assert reward(quality_score=3, is_correct=None, is_helpful=None, metrics={"clicks": 9000, "liked": True}) == 0.5


@given(STARS, ANSWER, ANSWER, MEASURED)
def test_reward_is_a_share(
    stars: int, is_correct: bool | None, is_helpful: bool | None, measured: dict[str, float]
) -> None:
    assert 0.0 <= reward(quality_score=stars, is_correct=is_correct, is_helpful=is_helpful, metrics=measured) <= 1.0


@given(st.integers(1, 4), ANSWER, ANSWER, MEASURED)
def test_one_more_star_is_worth_more(
    stars: int, is_correct: bool | None, is_helpful: bool | None, measured: dict[str, float]
) -> None:
    fewer, more = (
        reward(quality_score=number, is_correct=is_correct, is_helpful=is_helpful, metrics=measured)
        for number in (stars, stars + 1)
    )
    assert fewer < more


@given(STARS, ANSWER, MEASURED)
def test_a_yes_is_worth_more_than_a_no(stars: int, other: bool | None, measured: dict[str, float]) -> None:
    wrong, right = (
        reward(quality_score=stars, is_correct=answer, is_helpful=other, metrics=measured) for answer in (False, True)
    )
    useless, helpful = (
        reward(quality_score=stars, is_correct=other, is_helpful=answer, metrics=measured) for answer in (False, True)
    )
    assert wrong < right
    assert useless < helpful


@given(STARS, MEASURED, st.sampled_from(["test_passed", "accepted"]), SHARES, SHARES)
def test_more_of_a_good_metric_is_never_worth_less(
    stars: int, others: dict[str, float], name: str, one: float, other: float
) -> None:
    low, high = (
        reward(quality_score=stars, is_correct=None, is_helpful=None, metrics={**others, name: value})
        for value in sorted((one, other))
    )
    assert low <= high


@given(STARS, MEASURED, st.sampled_from(["user_retried", "edit_distance"]), SHARES, SHARES)
def test_more_of_a_bad_metric_is_never_worth_more(
    stars: int, others: dict[str, float], name: str, one: float, other: float
) -> None:
    low, high = (
        reward(quality_score=stars, is_correct=None, is_helpful=None, metrics={**others, name: value})
        for value in sorted((one, other))
    )
    assert low >= high


@given(STARS, st.permutations([("test_passed", 0.3), ("accepted", 0.1), ("edit_distance", 0.7)]))
def test_the_order_of_metrics_does_not_matter(stars: int, measured: list[tuple[str, float]]) -> None:
    fixed = {"test_passed": 0.3, "accepted": 0.1, "edit_distance": 0.7}
    assert reward(quality_score=stars, is_correct=None, is_helpful=None, metrics=dict(measured)) == reward(
        quality_score=stars, is_correct=None, is_helpful=None, metrics=fixed
    )
