"""A prompt's vector and text as blocks of regressors, by transforms learned from the prompts of training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing.domain import text_terms
from routing.domain.prompt_encoder import EMBEDDING_DIMENSIONS

# Standardized features beyond this are taken as this, so that no odd prompt is far from all others.
_CLIP = 5.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """Regressors of prompts, row by row: surface features, embedding and text. Rows without text have zeros there."""

    surface: np.ndarray
    embedding: np.ndarray
    text: np.ndarray
    has_text: np.ndarray


@dataclass(frozen=True, slots=True)
class SurfaceTransform:
    """Standardizes the surface features: ``scale`` is one over the standard deviation, 0 where nothing varied."""

    mean: np.ndarray
    scale: np.ndarray

    def apply(self, surface: np.ndarray) -> np.ndarray:
        """Return the features [n, features], each prompt's of mean squared length about 1."""
        standardized = np.clip((surface - self.mean) * self.scale, -_CLIP, _CLIP)
        scaled: np.ndarray = standardized / np.float32(np.sqrt(len(self.mean)))
        return scaled


@dataclass(frozen=True, slots=True)
class EmbeddingTransform:
    """Projects embeddings on the directions in which those of training varied most."""

    mean: np.ndarray
    projection: np.ndarray

    def apply(self, embeddings: np.ndarray) -> np.ndarray:
        """Return the coordinates [n, directions]."""
        projected: np.ndarray = (embeddings - self.mean) @ self.projection
        return projected


@dataclass(frozen=True, slots=True)
class TextTransform:
    """Projects TF-IDF vectors: ``places`` are the terms that count, ascending, ``weights`` their inverse frequency."""

    places: np.ndarray
    weights: np.ndarray
    projection: np.ndarray
    mean: np.ndarray

    def apply(self, texts: Sequence[str | None]) -> np.ndarray:
        """Return the coordinates [n, directions]; zeros, which is their mean, for a text that is not known."""
        found = np.zeros((len(texts), len(self.mean)), dtype=np.float32)
        for row, text in enumerate(texts):
            if text is not None:
                found[row] = self._of(text)
        return found

    def _of(self, text: str) -> np.ndarray:
        places, counts = text_terms.term_counts(text)
        at = np.searchsorted(self.places, places)
        known = at < len(self.places)
        known[known] = self.places[at[known]] == places[known]
        rows = at[known]
        values = counts[known] * self.weights[rows]
        length = np.sqrt(values @ values) + np.float32(1e-9)
        coordinates: np.ndarray = values @ self.projection[rows] / length - self.mean
        return coordinates


@dataclass(frozen=True, slots=True)
class Transforms:
    """How prompts become blocks; ``text`` is None where the text was not found to help."""

    surface: SurfaceTransform
    embedding: EmbeddingTransform
    text: TextTransform | None

    def apply(self, vectors: np.ndarray, texts: Sequence[str | None]) -> Blocks:
        """Return the blocks of prompts.

        Args:
            vectors: float32 [n, ``prompt_encoder.DIMENSIONS``].
            texts: Their texts, None where only the vector was kept.
        """
        return Blocks(
            surface=self.surface.apply(vectors[:, EMBEDDING_DIMENSIONS:]),
            embedding=self.embedding.apply(vectors[:, :EMBEDDING_DIMENSIONS]),
            text=np.zeros((len(vectors), 0), dtype=np.float32) if self.text is None else self.text.apply(texts),
            has_text=np.array([text is not None for text in texts], dtype=bool),
        )
