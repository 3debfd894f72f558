import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.domain import reward_model
from learning.domain.reward_model import Observations, ShrunkenMeans


def observations(rows):
    """Rows are (fold, category, action, outcome, size)."""
    return Observations(
        folds=np.array([row[0] for row in rows], dtype=int),
        categories=[row[1] for row in rows],
        actions=[row[2] for row in rows],
        outcomes=np.array([row[3] for row in rows], dtype=float),
        sizes=np.array([row[4] for row in rows], dtype=float),
    )


# Fold 0 is predicted from the ten decisions of fold 1 alone.
ROWS = [
    *[(1, "code", "big", 0.9, 1.0)] * 5,
    *[(1, "code", "small", 0.5, 1.0)] * 3,
    *[(1, "factual", "small", 0.7, 1.0)] * 2,
    (0, "code", "big", 0.0, 1.0),
]


def test_means_are_drawn_to_the_level_above_by_ten_observations() -> None:
    model = ShrunkenMeans(observations(ROWS))
    # All: (4.5 + 1.5 + 1.4) / 10 = 0.74; small: (2.9 + 10 * 0.74) / 15; small on code: (1.5 + 10 * small) / 13.
    small = (2.9 + 7.4) / 15

    assert model.predict(0, "code", "small") == pytest.approx((1.5 + 10 * small) / 13)


def test_what_was_never_seen_gets_the_level_above() -> None:
    model = ShrunkenMeans(observations(ROWS))

    assert model.predict(0, "poetry", "small") == pytest.approx((2.9 + 7.4) / 15)
    assert model.predict(0, "code", "other") == pytest.approx(0.74)


def test_no_decision_has_a_say_in_its_own_prediction() -> None:
    changed = [*ROWS[:-1], (0, "code", "big", 1.0, 1.0)]

    before = ShrunkenMeans(observations(ROWS))
    after = ShrunkenMeans(observations(changed))

    assert after.predict(0, "code", "big") == before.predict(0, "code", "big")
    assert after.predict(2, "code", "big") > before.predict(2, "code", "big")


def test_a_ratio_is_predicted_whatever_its_unit() -> None:
    cents = [(1, "code", "big", 3.0, 2.0)] * 20
    dollars = [(1, "code", "big", 0.03, 0.02)] * 20

    for rows in (cents, dollars):
        assert ShrunkenMeans(observations(rows)).predict(0, "code", "big") == pytest.approx(1.5)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.sampled_from("xyz"), st.floats(0, 1), st.just(1.0)),
        min_size=1,
    )
)
def test_predictions_never_leave_the_range_of_the_outcomes(rows) -> None:
    model = ShrunkenMeans(observations([*rows, *[(fold, "a", "x", 0.5, 1.0) for fold in range(5)]]))
    outcomes = [0.5, *(row[3] for row in rows)]

    for fold in range(reward_model.FOLDS):
        assert min(outcomes) - 1e-9 <= model.predict(fold, "b", "y") <= max(outcomes) + 1e-9


def test_no_observations_predict_nothing_worth() -> None:
    assert ShrunkenMeans(observations([])).predict(3, "code", "big") == 0.0


def test_a_user_stays_in_one_fold_and_users_fill_all() -> None:
    assert reward_model.fold_of("1:user:ada") == reward_model.fold_of("1:user:ada")
    assert {reward_model.fold_of(f"user-{number}") for number in range(100)} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((0, "a", "x", float("nan"), 1.0), r"outcomes\[1\] is not finite"),
        ((0, "a", "x", 1.0, float("inf")), r"sizes\[1\] is not finite"),
        ((0, "a", "x", 1.0, -1.0), r"sizes\[1\] is negative"),
    ],
)
def test_what_is_no_observation_is_refused_by_index(row, message) -> None:
    with pytest.raises(ValueError, match=message):
        ShrunkenMeans(observations([(0, "a", "x", 1.0, 1.0), row]))


def test_a_shrinkage_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        ShrunkenMeans(observations(ROWS), shrinkage=0.0)
