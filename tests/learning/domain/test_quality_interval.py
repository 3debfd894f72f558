import pytest

from learning.domain.quality_interval import ModelScore, dominated, interval


def test_interval_is_wilsons() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I: 81 of 263, method 3.
    assert list(interval(81 / 263, 263)) == pytest.approx([0.2553, 0.3662], abs=5e-5)


def test_interval_of_a_flawless_model_is_still_open_below() -> None:
    # The same table: 0 of 20 gives 0 to 0.1611, so 20 of 20 gives 0.8389 to 1.
    assert list(interval(1.0, 20)) == pytest.approx([0.8389, 1.0], abs=5e-5)


def test_nothing_known_is_everything_possible() -> None:
    assert interval(0.0, 0) == (0.0, 1.0)


def test_dominated_models_are_no_better_and_no_cheaper_than_another() -> None:
    scores = [
        ModelScore("cheap", 0.5, 10),
        ModelScore("best", 0.9, 100),
        ModelScore("worse for more", 0.4, 20),
        ModelScore("as good for more", 0.5, 11),
        ModelScore("twin of the best", 0.9, 100),
        ModelScore("unknown price", 0.1, None),
    ]
    assert dominated(scores) == {"worse for more", "as good for more"}
