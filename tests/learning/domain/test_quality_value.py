import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.domain import quality_value

# Four prompts, a cheap and a dear model. The dear one is better by 0, 0.2, 0.4 and 0.6, at 0.1 dollars more.
QUALITY = np.array([[0.9, 0.9], [0.7, 0.9], [0.5, 0.9], [0.3, 0.9]])
COST = np.tile([0.0, 0.1], (4, 1))
SEEN = np.ones((4, 2))


def test_least_value_that_keeps_to_the_tolerance_is_found() -> None:
    none, some, half = quality_value.values(QUALITY, COST, QUALITY, SEEN, tolerances=(0.0, 0.06, 0.2))

    # A prompt is served by the dear model from 0.1 / its gain on: 0.167, 0.25 and 0.5 dollars. All 0.9 takes the third,
    # 0.846 the second (0.85 is reached), 0.72 the first (0.75).
    assert [found.usd_per_quality for found in (none, some, half)] == pytest.approx([0.5, 0.25, 0.1667], rel=0.09)
    assert min(found.usd_per_quality / 0.9 for found in (none, some, half)) > 0.1667
    assert [found.quality for found in (none, some, half)] == pytest.approx([0.9, 0.85, 0.75])
    assert [found.cost_usd for found in (none, some, half)] == pytest.approx([0.075, 0.05, 0.025])


def test_outcomes_that_were_seen_count_and_predictions_stand_in_for_the_rest() -> None:
    predicted = np.tile([0.5, 0.9], (4, 1))
    seen = np.zeros((4, 2))
    seen[:, 0] = 1.0

    [found] = quality_value.values(predicted, COST, np.full((4, 2), 0.9), seen, tolerances=(0.0,))

    # The cheap model was seen to be as good as the dear one is predicted to be.
    assert found.quality == pytest.approx(0.9)
    assert found.cost_usd == 0.0


@pytest.mark.parametrize("cost", [np.zeros((4, 2)), np.full((4, 2), np.inf)])
def test_without_costs_there_is_no_value(cost: np.ndarray) -> None:
    assert quality_value.values(QUALITY, cost, QUALITY, SEEN) == []


@given(st.integers(0, 2**32 - 1))
def test_who_allows_more_pays_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    quality, predicted = rng.random((30, 4)), rng.random((30, 4))
    cost = np.tile(rng.random(4), (30, 1))

    found = quality_value.values(predicted, cost, quality, np.ones((30, 4)))

    worths = [entry.usd_per_quality for entry in found]
    assert worths == sorted(worths, reverse=True)
    best = quality.mean(0).max()
    assert all(entry.quality >= (1 - entry.tolerance) * best for entry in found)
