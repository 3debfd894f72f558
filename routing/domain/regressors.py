"""What the parts of the predictor look at: shares of categories and the blocks of a prompt, side by side."""

import numpy as np

from routing.domain.prompt_blocks import Blocks

# Of ``forest_features``, how many there are of each model.
FOREST_FEATURES_OF_MODEL = 4


def with_population(category: np.ndarray) -> np.ndarray:
    """Return category shares [n, categories + 1], whose last is what no category takes."""
    rest = 1.0 - category.sum(axis=1, keepdims=True)
    return np.concatenate((category, np.maximum(0.0, rest)), axis=1).astype(np.float32)


def linear_regressors(category: np.ndarray, blocks: Blocks) -> np.ndarray:
    """Return the regressors of the linear part: a constant, the category, then the blocks."""
    constant = np.ones((len(category), 1), dtype=np.float32)
    return np.concatenate((constant, category, blocks.surface, blocks.embedding, blocks.text), axis=1)


def forest_features(by_category: np.ndarray, by_linear: np.ndarray, blocks: Blocks) -> np.ndarray:
    """Return what the trees look at, as float32: what the two simpler predictions expect, then the blocks.

    Each prediction is told twice: of every model, and how far every model is from the mean of all. A tree splits on one
    number at a time and could make a difference out of two only in many steps.

    Args:
        by_category: Means of the prompts' categories [n, models].
        by_linear: Means of the linear part [n, models].
    """
    predicted = [part for means in (by_category, by_linear) for part in (means, means - means.mean(axis=1)[:, None])]
    return np.concatenate((*predicted, blocks.surface, blocks.embedding, blocks.text), axis=1).astype(np.float32)


def guess_regressors(blocks: Blocks) -> np.ndarray:
    """Return what a category is guessed from: all but the text, which is not always known."""
    return np.concatenate((blocks.surface, blocks.embedding), axis=1)
