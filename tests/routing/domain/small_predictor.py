"""A predictor made by hand, with every part: two models, one task, two directions, three terms, one tree."""

import numpy as np

from routing.domain.category_guess import CategoryGuess
from routing.domain.prompt_blocks import EmbeddingTransform, SurfaceTransform, TextTransform, Transforms
from routing.domain.prompt_encoder import DIMENSIONS, EMBEDDING_DIMENSIONS, ENCODER
from routing.domain.quality_predictor import LinearPart, QualityPredictor
from routing.domain.text_terms import term_counts
from routing.domain.tree_ensemble import TreeEnsemble

CHEAP, STRONG = "acme/cheap", "acme/strong"
SURFACE = DIMENSIONS - EMBEDDING_DIMENSIONS
WORD = int(term_counts("integrate")[0][0])


def arrays(*shape: int, fill: float = 0.0) -> np.ndarray:
    return np.full(shape, fill, dtype=np.float32)


def small_predictor() -> QualityPredictor:
    """Expect 0.5 and 0.8 of sums, 0.6 and 0.7 of all else, by means alone; the other parts have no share."""
    regressors = 1 + 1 + SURFACE + 2 + 2
    roots = np.tile(np.eye(regressors, dtype=np.float32) * 0.01, (2, 1, 1))
    roots[1] *= 2
    projection = arrays(EMBEDDING_DIMENSIONS, 2)
    projection[:2] = np.eye(2)
    return QualityPredictor(
        encoder=ENCODER,
        model_names=(CHEAP, STRONG),
        categories={"sums": 0},
        transforms=Transforms(
            SurfaceTransform(arrays(SURFACE), arrays(SURFACE, fill=1.0)),
            EmbeddingTransform(arrays(EMBEDDING_DIMENSIONS), projection),
            TextTransform(
                np.array(sorted({1, WORD, 65_535})), arrays(3, fill=1.0), arrays(3, 2, fill=1.0), arrays(2, fill=0.5)
            ),
        ),
        guess=CategoryGuess(arrays(SURFACE + 2, 1), arrays(1)),
        category_means=np.array([[0.5, 0.8], [0.6, 0.7]], dtype=np.float32),
        linear=LinearPart(0.5, arrays(regressors, 2), roots, np.array([0.0, 0.25], dtype=np.float32)),
        forest=TreeEnsemble(
            # The first surface feature, after four numbers of each model.
            feature=np.array([8, 0, 0]),
            threshold=arrays(3),
            children=np.array([[1, 2], [1, 1], [2, 2]]),
            values=np.array([[0, 0], [0.25, 0.5], [0.75, 1.0]], dtype=np.float32),
            roots=np.array([0]),
            depth=1,
        ),
        blend=np.array([1.0, 0.0, 0.0], dtype=np.float32),
    )
