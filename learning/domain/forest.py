"""A forest of extremely randomized trees over all models at once (Geurts, Ernst and Wehenkel 2006).

Trees find what is not linear: a length beyond which a model fails, a feature that matters in one category only. Each
leaf holds the mean quality of every model, so that models share what little is known of each.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from routing.domain.tree_ensemble import TreeEnsemble

TREES = 150
# Of the trees, those of the forests that are only judged, on folds they were not grown from.
_JUDGED_SHARE = 0.4
_FEATURE_SHARE = 0.33
_LEAST_LEAF = 20
# Leaves of a tree are at most about this many, which bounds the size of a forest of many prompts.
_MOST_LEAVES = 400
# With fewer prompts a tree has hardly a split.
LEAST_PROMPTS = 100


def grow(
    features: np.ndarray, quality: np.ndarray, weight: np.ndarray, *, seed: int, trees: int = TREES
) -> TreeEnsemble:
    """Return a forest.

    Args:
        features: float32 [n, features].
        quality: What is to be predicted [n, models]; nothing may be missing.
        weight: Of each prompt [n].
    """
    grown = _grown(features, quality, weight, trees, seed)
    return _flattened([tree.tree_ for tree in grown.estimators_])


def out_of_fold(
    features: np.ndarray,
    quality: np.ndarray,
    weight: np.ndarray,
    folds: np.ndarray,
    *,
    seed: int,
    trees: int = TREES,
) -> np.ndarray:
    """Return for each prompt what a smaller forest grown from other folds predicts [n, models]."""
    judged = max(1, round(_JUDGED_SHARE * trees))
    found = np.zeros_like(quality)
    for fold in np.unique(folds):
        others = folds != fold
        grown = _grown(features[others], quality[others], weight[others], judged, seed)
        found[~others] = grown.predict(features[~others]).reshape(-1, quality.shape[1])
    return found


def _grown(features: np.ndarray, quality: np.ndarray, weight: np.ndarray, trees: int, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor

    leaf = max(_LEAST_LEAF, len(features) // _MOST_LEAVES)
    regressor = ExtraTreesRegressor(
        trees, min_samples_leaf=leaf, max_features=_FEATURE_SHARE, random_state=seed, n_jobs=1
    )
    is_even = bool((weight == weight[0]).all())
    return regressor.fit(features, quality, sample_weight=None if is_even else weight)


def _flattened(trees: Sequence[Any]) -> TreeEnsemble:
    """Return the trees as one set of arrays; a leaf's children are itself, so that a walk of any length stays there."""
    features, thresholds, children, values, roots = [], [], [], [], []
    offset = 0
    for tree in trees:
        is_leaf = tree.children_left < 0
        own = np.arange(tree.node_count)
        features.append(np.where(is_leaf, 0, tree.feature))
        thresholds.append(np.where(is_leaf, 0.0, tree.threshold))
        both = np.stack((tree.children_left, tree.children_right), axis=1)
        children.append(np.where(is_leaf[:, None], own[:, None], both) + offset)
        values.append(tree.value[:, :, 0])
        roots.append(offset)
        offset += tree.node_count
    return TreeEnsemble(
        feature=np.concatenate(features),
        threshold=np.concatenate(thresholds).astype(np.float32),
        children=np.concatenate(children),
        values=np.concatenate(values).astype(np.float32),
        roots=np.array(roots),
        depth=max(tree.max_depth for tree in trees),
    )
