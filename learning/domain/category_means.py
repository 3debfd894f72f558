"""Mean quality of each model on each category of prompts, shrunken towards the model's own."""

import numpy as np

from learning.domain import prediction_error
from learning.domain.training_set import OutcomeTable

# How many outcomes the mean of all categories counts as; which one is chosen by cross-validation.
STRENGTHS = (3.0, 10.0, 30.0, 100.0)
_GLOBAL_STRENGTH = 10.0


def means(category: np.ndarray, quality: np.ndarray, weight: np.ndarray, strength: float) -> np.ndarray:
    """Return mean qualities [categories + 1, models]; the last row is of all categories together.

    The mean of a category counts as if ``strength`` further outcomes had the model's mean over all categories, and
    that as if further ones had the mean of all models (an empirical Bayes estimate of a two-level normal model).

    Args:
        category: Share of each category in each prompt [n, categories].
        quality: [n, models], ignored where ``weight`` is 0.
    """
    weighted = weight * quality
    overall = weighted.sum() / max(weight.sum(), 1e-12)
    of_model = (weighted.sum(0) + _GLOBAL_STRENGTH * overall) / (weight.sum(0) + _GLOBAL_STRENGTH)
    of_category = (category.T @ weighted + strength * of_model) / (category.T @ weight + strength)
    return np.concatenate((of_category, of_model[None]))


def out_of_fold(category: np.ndarray, outcomes: OutcomeTable, folds: np.ndarray, strength: float) -> np.ndarray:
    """Return for each prompt the means learned from other folds [n, models]."""
    shares = np.concatenate((category, 1 - category.sum(1, keepdims=True)), axis=1)
    found = np.zeros_like(outcomes.quality)
    for fold in np.unique(folds):
        others = folds != fold
        table = means(category[others], outcomes.quality[others], outcomes.weight[others], strength)
        found[~others] = shares[~others] @ table
    return found


def best_strength(category: np.ndarray, outcomes: OutcomeTable, folds: np.ndarray, level: float) -> float:
    """Return the strength whose means predict other folds best."""
    errors = {
        strength: prediction_error.relative(
            outcomes.quality - out_of_fold(category, outcomes, folds, strength), outcomes, level
        )
        for strength in STRENGTHS
    }
    return min(STRENGTHS, key=errors.__getitem__)
