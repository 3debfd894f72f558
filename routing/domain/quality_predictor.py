"""Forecasts how well each model would answer a prompt, from what was learned of answers to others.

Three predictions are blended: the means of the prompt's category, a linear model, and a forest of trees that is told
the other two; the linear model also says how sure one may be. Training is in ``learning.domain.predictor_training``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routing.domain.category_guess import CategoryGuess
from routing.domain.policy import Forecast
from routing.domain.prompt_blocks import Blocks, Transforms
from routing.domain.regressors import forest_features, guess_regressors, linear_regressors, with_population
from routing.domain.tree_ensemble import TreeEnsemble

# Prompts without a task are of the category of their pattern; no task of a caller begins with this.
PATTERN_PREFIX = "\x00pattern:"
# How many posterior standard deviations the lower bound lies below the mean: in about seven of ten cases the true
# expected quality is above it. A wider bound would have the dearest model chosen while evidence is scarce.
LOWER_BOUND_DEVIATIONS = 0.5


@dataclass(frozen=True, slots=True)
class LinearPart:
    """Posterior of a Bayesian linear model, one column of ``weights`` for each model.

    ``roots`` [models or 1, regressors, regressors] are matrices R with R'R the covariance of a model's weights, one
    for all models where they have the same; ``text_variance`` [models] is added where the text is not known.
    """

    level: float
    weights: np.ndarray
    roots: np.ndarray
    text_variance: np.ndarray

    def means(self, regressors: np.ndarray) -> np.ndarray:
        """Return the expected quality [n, models]."""
        means: np.ndarray = self.level + regressors @ self.weights
        return means

    def variances(self, regressors: np.ndarray, has_text: np.ndarray) -> np.ndarray:
        """Return the variance of the expected quality [n, models]."""
        models, size = self.weights.shape[1], self.weights.shape[0]
        spread = (self.roots.reshape(-1, size) @ regressors.T).reshape(len(self.roots), size, -1)
        variances = np.einsum("mij,mij->jm", spread, spread)
        unknown_text = np.where(has_text[:, None], 0.0, self.text_variance)
        total: np.ndarray = np.broadcast_to(variances, (len(regressors), models)) + unknown_text
        return total


@dataclass(frozen=True, slots=True)
class QualityPredictor:
    """What was trained. The last row of ``category_means`` is of prompts of no known category.

    ``blend`` weighs category means, linear part and forest, and sums to 1.
    """

    encoder: str
    model_names: tuple[str, ...]
    categories: Mapping[str, int]
    transforms: Transforms
    guess: CategoryGuess | None
    category_means: np.ndarray
    linear: LinearPart
    forest: TreeEnsemble | None
    blend: np.ndarray

    @property
    def tasks(self) -> tuple[str, ...]:
        """The callers' tags that are known."""
        return tuple(name for name in self.categories if not name.startswith(PATTERN_PREFIX))

    def forecast(
        self, vector: np.ndarray, *, text: str | None, task: str | None, pattern: str
    ) -> Mapping[str, Forecast]:
        """Return the quality to expect of every known model on one prompt, by full name.

        ``lower`` is the mean less ``LOWER_BOUND_DEVIATIONS`` posterior standard deviations of the expected quality
        (not of a single answer's), so that a model with little evidence has a low one.
        """
        means, deviations = self.forecast_many(vector[None], texts=[text], tasks=[task], patterns=[pattern])
        lower = means[0] - LOWER_BOUND_DEVIATIONS * deviations[0]
        pairs = zip(self.model_names, means[0].tolist(), lower.tolist(), strict=True)
        return {name: Forecast(mean, max(0.0, bound)) for name, mean, bound in pairs}

    def forecast_many(
        self,
        vectors: np.ndarray,
        *,
        texts: Sequence[str | None],
        tasks: Sequence[str | None],
        patterns: Sequence[str],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return expected qualities in [0, 1] and their standard deviations, both [n, models].

        Args:
            vectors: float32 [n, ``prompt_encoder.DIMENSIONS``].
            texts: None where only the vector was kept; the deviation is wider then.
            tasks: The callers' own tags; unknown ones count as none.
            patterns: Used where neither the task is known nor a category can be guessed.
        """
        blocks = self.transforms.apply(vectors, texts)
        category = self._categories(tasks, patterns, blocks)
        by_category = with_population(category) @ self.category_means
        regressors = linear_regressors(category, blocks)
        by_linear = self.linear.means(regressors)
        means = self.blend[0] * by_category + self.blend[1] * by_linear
        if self.forest is not None:
            means = means + self.blend[2] * self.forest.predict(forest_features(by_category, by_linear, blocks))
        variances = self.linear.variances(regressors, blocks.has_text)
        return np.clip(means, 0.0, 1.0), np.sqrt(np.maximum(0.0, variances))

    def _category(self, task: str | None, pattern: str) -> int | None:
        known = self.categories.get(task) if task is not None else None
        return known if known is not None else self.categories.get(PATTERN_PREFIX + pattern)

    def _categories(self, tasks: Sequence[str | None], patterns: Sequence[str], blocks: Blocks) -> np.ndarray:
        """Return the shares of each category [n, categories]: one, or several where it is guessed, or none."""
        shares = np.zeros((len(tasks), len(self.categories)), dtype=np.float32)
        unknown = []
        for row, (task, pattern) in enumerate(zip(tasks, patterns, strict=True)):
            known = self._category(task, pattern)
            if known is None:
                unknown.append(row)
            else:
                shares[row, known] = 1.0
        if unknown and self.guess is not None:
            shares[unknown] = self.guess.probabilities(guess_regressors(blocks)[unknown])
        return shares
