"""A forest of decision trees as flat arrays: all trees are walked at once, for many prompts at once."""

from dataclasses import dataclass

import numpy as np

_ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class TreeEnsemble:
    """Node ``i`` sends a prompt to ``children[i, 1]`` where its ``feature[i]`` exceeds ``threshold[i]``, else to
    ``children[i, 0]``; a leaf sends it to itself. ``values`` [nodes, models]; ``roots`` [trees]; no path is longer
    than ``depth``.
    """

    feature: np.ndarray
    threshold: np.ndarray
    children: np.ndarray
    values: np.ndarray
    roots: np.ndarray
    depth: int

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return the mean of all trees' values for each prompt, float32 [n, models]; ``features`` is [n, features]."""
        found = np.zeros((len(features), self.values.shape[1]), dtype=np.float32)
        for start in range(0, len(features), _ROWS_AT_ONCE):
            rows = features[start : start + _ROWS_AT_ONCE]
            found[start : start + len(rows)] = self._predict(rows)
        return found

    def _predict(self, rows: np.ndarray) -> np.ndarray:
        node = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        row = np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            exceeds = rows[row, self.feature[node]] > self.threshold[node]
            node = self.children[node, exceeds.view(np.int8)]
        mean: np.ndarray = self.values[node].mean(axis=1)
        return mean


def is_sound(ensemble: TreeEnsemble, *, features: int) -> bool:
    """Whether every index leads to something that exists, so that no prompt can make a walk fail."""
    nodes = len(ensemble.feature)
    return (
        _lies_within(ensemble.feature, features)
        and _lies_within(ensemble.children, nodes)
        and _lies_within(ensemble.roots, nodes)
        and len(ensemble.roots) > 0
    )


def _lies_within(indices: np.ndarray, count: int) -> bool:
    return bool(((indices >= 0) & (indices < count)).all())
