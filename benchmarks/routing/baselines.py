"""Routers that know little: what a predictor has to be better than."""

from collections.abc import Hashable, Sequence

import numpy as np

from benchmarks.routing.pools import FloatArray, IntArray, Pool

# Prompts at the level of the whole pool that each label's mean is drawn towards, for quality and for cost.
QUALITY_PRIOR, COST_PRIOR = 10.0, 2.0


def label_means(pool: Pool, labels: Sequence[Hashable], fold: IntArray, folds: int) -> tuple[FloatArray, FloatArray]:
    """Return quality and cost expected of each model by the prompt's label, learned from the other folds.

    The mean of a (label, model) pair is shrunken towards the model's mean over all labels, which is also what a label
    that the other folds do not have gets.
    """
    names = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    index = np.array([names[label] for label in labels], dtype=np.int64)
    quality, cost = np.empty_like(pool.quality), np.empty_like(pool.cost)
    for number in range(folds):
        known, asked = fold != number, fold == number
        quality[asked] = _shrunken(pool.quality[known], index[known], len(names), QUALITY_PRIOR)[index[asked]]
        cost[asked] = _shrunken(pool.cost[known], index[known], len(names), COST_PRIOR)[index[asked]]
    return quality, cost


def _shrunken(values: FloatArray, index: IntArray, labels: int, prior: float) -> FloatArray:
    sums, counts = np.zeros((labels, values.shape[1])), np.zeros((labels, 1))
    np.add.at(sums, index, values)
    np.add.at(counts, index, 1.0)
    return np.asarray((sums + prior * values.mean(axis=0)) / (counts + prior), dtype=np.float64)
