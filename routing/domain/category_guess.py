"""Which category a prompt is likely of where its caller does not say."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class CategoryGuess:
    """Multinomial logistic scores: regressors times ``weights`` [regressors, categories] plus ``offsets``."""

    weights: np.ndarray
    offsets: np.ndarray

    def probabilities(self, regressors: np.ndarray) -> np.ndarray:
        """Return the probability of each category for each prompt [n, categories]."""
        scores = regressors @ self.weights + self.offsets
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities: np.ndarray = odds / odds.sum(axis=1, keepdims=True)
        return probabilities
