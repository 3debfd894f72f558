"""Learns from prompts how to turn them into blocks of regressors (``routing.domain.prompt_blocks``)."""

from collections.abc import Sequence

import numpy as np

from routing.domain import text_terms
from routing.domain.prompt_blocks import EmbeddingTransform, SurfaceTransform, TextTransform
from routing.domain.prompt_encoder import EMBEDDING_DIMENSIONS

EMBEDDING_DIRECTIONS = 64
TEXT_DIRECTIONS = 64
MAX_TERMS = 20_000
# Terms of fewer prompts say nothing of others; terms of nearly all prompts say nothing.
_LEAST_PROMPTS = 2
_MOST_SHARE = 0.9
LEAST_TEXTS = 100
# Between principal components as they are (0) and all of the same variance (0.5).
_WHITENING_POWER = 0.25
_LEAST_DEVIATION = 1e-5


def surface_transform(vectors: np.ndarray) -> SurfaceTransform:
    """Return the standardization of the surface features; one that never varies is taken out."""
    features = vectors[:, EMBEDDING_DIMENSIONS:].astype(np.float64)
    deviation = features.std(0)
    scale = np.where(deviation > _LEAST_DEVIATION, 1 / np.maximum(deviation, _LEAST_DEVIATION), 0.0)
    return SurfaceTransform(features.mean(0).astype(np.float32), scale.astype(np.float32))


def embedding_transform(vectors: np.ndarray) -> EmbeddingTransform:
    """Return the projection on the leading principal components, partly whitened, of mean squared length 1."""
    embeddings = vectors[:, :EMBEDDING_DIMENSIONS].astype(np.float64)
    mean = embeddings.mean(0)
    centered = embeddings - mean
    variances, directions = np.linalg.eigh(centered.T @ centered / len(centered))
    kept = np.argsort(-variances)[: min(EMBEDDING_DIRECTIONS, len(vectors) - 1)]
    variances = np.maximum(variances[kept], 0.0)
    projection = directions[:, kept] / np.maximum(variances + 1e-3 * variances[0], 1e-12) ** _WHITENING_POWER
    length = np.sqrt((((centered @ projection) ** 2).sum(1)).mean())
    return EmbeddingTransform(mean.astype(np.float32), (projection / max(length, 1e-12)).astype(np.float32))


def text_transform(texts: Sequence[str | None], *, seed: int) -> TextTransform | None:
    """Return the projection of TF-IDF vectors on their leading singular directions; None of too few texts.

    Latent semantic analysis (Deerwester et al. 1990), by a randomized singular value decomposition (Halko et al. 2011).
    """
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd

    counts = [text_terms.term_counts(text) for text in texts if text is not None]
    if len(counts) < LEAST_TEXTS:
        return None
    lengths = np.cumsum([0] + [len(places) for places, _ in counts])
    columns = np.concatenate([places for places, _ in counts])
    values = np.concatenate([logs for _, logs in counts])
    places = _kept_terms(columns, len(counts))
    directions = min(TEXT_DIRECTIONS, len(places) - 1, len(counts) - 1)
    if directions < 1:
        return None
    frequency = np.bincount(columns, minlength=text_terms.PLACES)[places]
    weights = np.log(len(counts) / frequency) + 1
    table = sparse.csr_matrix((values, columns, lengths), shape=(len(counts), text_terms.PLACES))[:, places]
    table = table @ sparse.diags(weights)
    norms = np.sqrt(np.asarray(table.multiply(table).sum(1)).ravel()) + 1e-9
    table = (sparse.diags(1 / norms) @ table).tocsr()
    projection = randomized_svd(table, directions, n_iter=2, random_state=seed)[2].T
    coordinates = table @ projection
    mean = coordinates.mean(0)
    length = max(float(np.sqrt(((coordinates - mean) ** 2).sum(1).mean())), 1e-12)
    return TextTransform(
        places, weights.astype(np.float32), (projection / length).astype(np.float32), (mean / length).astype(np.float32)
    )


def _kept_terms(columns: np.ndarray, prompts: int) -> np.ndarray:
    """Return the places of the most frequent usable terms, ascending."""
    frequency = np.bincount(columns, minlength=text_terms.PLACES)
    usable = np.flatnonzero((frequency >= _LEAST_PROMPTS) & (frequency < _MOST_SHARE * prompts))
    most = usable[np.argsort(-frequency[usable], kind="stable")[:MAX_TERMS]]
    return np.sort(most)
