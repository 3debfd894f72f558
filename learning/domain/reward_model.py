"""Predicts an outcome from who answered what kind of prompt, never from the decision's own outcome.

Doubly robust estimates ask it what the policies' other choices would have given. It is deliberately simple: means by
(category, action), drawn to the action's mean, that to the mean of all; each counts as so many more observations of the
level below it. Predictions are cross-fitted: the users are dealt into folds, and each decision is predicted from the
other folds (Chernozhukov et al. 2018, "Double/debiased machine learning", definition 3.1, with whole users held out,
for a user's answers resemble each other).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learning.domain.cluster_jackknife import FloatArray, IntArray

FOLDS = 5
# How many observations the level above counts as. Of the order at which a mean of ratings (standard deviation about a
# quarter of the scale) tells models apart that differ by a tenth of it.
SHRINKAGE = 10.0


@dataclass(frozen=True, slots=True)
class Observations:
    """Outcomes to learn from; one entry for each decision.

    What is predicted is the ratio of ``outcomes`` to ``sizes``: give ones to predict the outcome itself, or what it was
    expected to be (such as the expected cost) to predict how far it exceeds that.
    """

    categories: Sequence[str]
    actions: Sequence[str]
    folds: IntArray
    outcomes: FloatArray
    sizes: FloatArray


class ShrunkenMeans:
    """Predicted ratios by fold, category and action; what was never seen gets the mean of the level above it."""

    def __init__(self, observations: Observations, *, shrinkage: float = SHRINKAGE) -> None:
        """Fit one table for each fold, from all other folds; costs are linear in the observations.

        Raises:
            ValueError: ``shrinkage`` is not positive, or an outcome or size is not finite or a size is negative.
        """
        if shrinkage <= 0:
            raise ValueError(f"shrinkage is {shrinkage!r}; it must be positive.")
        _check(observations)
        self._categories = _codes(observations.categories)
        self._actions = _codes(observations.actions)
        self._tables, self._by_action, self._overall = self._fit(observations, shrinkage)

    def predict(self, fold: int, category: str, action: str) -> float:
        """Return the ratio predicted for a decision of a user in ``fold``, 0 to ``FOLDS`` - 1."""
        position = self._actions.get(action)
        if position is None:
            return float(self._overall[fold])
        row = self._categories.get(category)
        return float(self._by_action[fold, position] if row is None else self._tables[fold, row, position])

    def _fit(self, seen: Observations, shrinkage: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        categories = np.array([self._categories[name] for name in seen.categories], dtype=np.int64)
        actions = np.array([self._actions[name] for name in seen.actions], dtype=np.int64)
        shape = (FOLDS, len(self._categories), len(self._actions))
        outcomes = np.zeros(shape)
        sizes = np.zeros(shape)
        np.add.at(outcomes, (seen.folds, categories, actions), seen.outcomes)
        np.add.at(sizes, (seen.folds, categories, actions), seen.sizes)
        outcomes, sizes = outcomes.sum(axis=0) - outcomes, sizes.sum(axis=0) - sizes
        # The prior counts as observations of the mean size, so that a ratio of dollars is shrunken as one of ones.
        weight = shrinkage * (float(seen.sizes.mean()) if len(seen.sizes) else 1.0) or 1.0
        overall = _ratio(outcomes.sum(axis=(1, 2)), sizes.sum(axis=(1, 2)))
        by_action = (outcomes.sum(axis=1) + weight * overall[:, None]) / (sizes.sum(axis=1) + weight)
        tables = (outcomes + weight * by_action[:, None, :]) / (sizes + weight)
        return tables, by_action, overall


def fold_of(user: str) -> int:
    """Return the fold a user is dealt to, always the same."""
    return int.from_bytes(hashlib.blake2b(user.encode(), digest_size=8).digest(), "big") % FOLDS


def _check(seen: Observations) -> None:
    for name, values in (("outcomes", seen.outcomes), ("sizes", seen.sizes)):
        wrong = ~np.isfinite(values)
        if wrong.any():
            raise ValueError(f"{name}[{int(np.argmax(wrong))}] is not finite.")
    if (seen.sizes < 0).any():
        raise ValueError(f"sizes[{int(np.argmax(seen.sizes < 0))}] is negative.")


def _codes(names: Sequence[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(dict.fromkeys(names))}


def _ratio(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    """Divide; where nothing was seen the ratio is 0, which only a log of a single fold meets."""
    return np.divide(numerators, denominators, out=np.zeros(len(numerators)), where=denominators > 0)
