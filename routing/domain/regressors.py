"""What the parts of the predictor look at: shares of categories and the blocks of a prompt, side by side."""

import numpy as np

from routing.domain.prompt_blocks import Blocks


def with_population(category: np.ndarray) -> np.ndarray:
    """Return category shares [n, categories + 1], whose last is what no category takes."""
    rest = 1.0 - category.sum(axis=1, keepdims=True)
    return np.concatenate((category, np.maximum(0.0, rest)), axis=1).astype(np.float32)


def linear_regressors(category: np.ndarray, blocks: Blocks) -> np.ndarray:
    """Return the regressors of the linear part: a constant, the category, then the blocks."""
    constant = np.ones((len(category), 1), dtype=np.float32)
    return np.concatenate((constant, category, blocks.surface, blocks.embedding, blocks.text), axis=1)


def forest_features(by_category: np.ndarray, blocks: Blocks) -> np.ndarray:
    """Return what the trees look at: the category's means, then the blocks, as float32."""
    parts = (by_category, blocks.surface, blocks.embedding, blocks.text)
    return np.concatenate(parts, axis=1).astype(np.float32)


def guess_regressors(blocks: Blocks) -> np.ndarray:
    """Return what a category is guessed from: all but the text, which is not always known."""
    return np.concatenate((blocks.surface, blocks.embedding), axis=1)
