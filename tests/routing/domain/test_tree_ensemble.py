import numpy as np
import pytest

from routing.domain import tree_ensemble
from routing.domain.tree_ensemble import TreeEnsemble

# Feature 0 above 0.5? Then feature 1 above 2.0?; and a tree of a single leaf.
FOREST = TreeEnsemble(
    feature=np.array([0, 0, 1, 0, 0, 0]),
    threshold=np.array([0.5, 0, 2.0, 0, 0, 0], dtype=np.float32),
    children=np.array([[1, 2], [1, 1], [3, 4], [3, 3], [4, 4], [5, 5]]),
    values=np.array([[0], [0.1], [0], [0.3], [0.7], [0.5]], dtype=np.float32),
    roots=np.array([0, 5]),
    depth=2,
)


@pytest.mark.parametrize(("row", "value"), [([0.5, 9.0], 0.1), ([0.6, 2.0], 0.3), ([0.6, 2.1], 0.7)])
def test_prediction_is_the_mean_of_the_leaves(row: list[float], value: float) -> None:
    found = FOREST.predict(np.array([row], dtype=np.float32))
    assert found.tolist() == [[pytest.approx((value + 0.5) / 2)]]


def test_many_rows_are_as_each_alone() -> None:
    rows = np.random.default_rng(0).normal(size=(1_500, 2)).astype(np.float32)
    alone = np.concatenate([FOREST.predict(row[None]) for row in rows])
    assert FOREST.predict(rows).tolist() == alone.tolist()


def test_forest_that_leads_to_nowhere_is_not_sound() -> None:
    assert tree_ensemble.is_sound(FOREST, features=2)
    assert not tree_ensemble.is_sound(FOREST, features=1)
