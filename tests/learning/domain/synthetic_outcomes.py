"""Training sets whose truth is known: two models, prompts of two tasks, and what makes one model fail."""

from dataclasses import replace
from typing import Any

import numpy as np

from learning.domain.training_set import TrainingSet
from routing.domain.prompt_encoder import DIMENSIONS

CHEAP, STRONG = "acme/cheap", "acme/strong"
MODELS = (CHEAP, STRONG)
# The cheap model fails where this coordinate of the vector is above 0; the strong one never.
DECIDES = 3
# Of the coordinates, those by which prompts differ much and, after the embedding, those by which they differ at all.
_LARGE, _SURFACE = 6, 256 + 10


def vectors(count: int, *, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    rows[:, _LARGE:] *= 0.1
    rows[:, _SURFACE:] = 0.0
    return rows


def truth(rows: np.ndarray) -> np.ndarray:
    """Return the chance of a good answer of each model [n, 2]."""
    is_hard = rows[:, DECIDES] > 0
    return np.stack([np.where(is_hard, 0.2, 0.9), np.full(len(rows), 0.9)], axis=1)


def full(count: int = 300, *, seed: int = 0, **changes: Any) -> TrainingSet:
    """Both models on every prompt, good or bad by chance."""
    rows = vectors(count, seed=seed)
    chances = truth(rows)
    drawn = np.random.default_rng(seed + 1).random(chances.shape)
    prompt, model = (index.ravel() for index in np.indices(chances.shape))
    training = TrainingSet(
        vectors=rows,
        texts=None,
        tasks=["sums" if number % 2 else "letters" for number in range(count)],
        patterns=["general"] * count,
        model_names=MODELS,
        prompt_index=prompt,
        model_index=model,
        quality=(drawn < chances).astype(np.float64).ravel(),
        weight=np.ones(2 * count),
        groups=list(range(count)),
    )
    return replace(training, **changes)


def only(training: TrainingSet, kept: np.ndarray) -> TrainingSet:
    """Leave out some outcomes; the prompts stay."""
    return replace(
        training,
        prompt_index=training.prompt_index[kept],
        model_index=training.model_index[kept],
        quality=training.quality[kept],
        weight=training.weight[kept],
    )
