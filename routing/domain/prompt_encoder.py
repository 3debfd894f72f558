"""A prompt as a vector of numbers: the mean of its tokens' vectors, then features of its surface."""

from collections.abc import Sequence

import numpy as np

from routing.domain import complexity, surface_features
from routing.domain.surface_features import Tokens
from routing.domain.text_window import window

# Named with every vector that is kept: vectors of another encoder are not comparable.
ENCODER = "l2_supercat_256+surface_2"
EMBEDDING_DIMENSIONS = 256
DIMENSIONS = EMBEDDING_DIMENSIONS + len(surface_features.FEATURES)
MAX_TOKENS = 512
_LAST_TOKENS = 128
# About what 512 tokens of English take. Tokens of other scripts and of symbols are as short as a byte.
_HEAD_BYTES, _TAIL_BYTES = 1_500, 500


def excerpt(text: str) -> str:
    """Return the part of a prompt that is turned into tokens: all of it, or its beginning and its end."""
    view = window(text, _HEAD_BYTES, _TAIL_BYTES)
    if view.isascii():
        return view
    raw = view.encode("utf-8", "replace")
    if len(raw) <= _HEAD_BYTES + _TAIL_BYTES:
        return raw.decode()
    return f"{raw[:_HEAD_BYTES].decode(errors='ignore')}\n{raw[-_TAIL_BYTES:].decode(errors='ignore')}"


def tokens(weights: np.ndarray, text: str, ids: Sequence[int], starts: Sequence[int]) -> Tokens:
    """Return the tokens of an excerpt with their vectors; of more than ``MAX_TOKENS`` those in the middle are left out.

    Args:
        weights: float16 or float32 [vocabulary, 256].
        ids: Rows of ``weights``.
        starts: The character of ``text`` at which each token begins.
    """
    known = np.array(ids, dtype=np.int64)
    places = np.array(starts, dtype=np.int64)
    if len(known) > MAX_TOKENS:
        kept = np.r_[: MAX_TOKENS - _LAST_TOKENS, len(known) - _LAST_TOKENS : len(known)]
        known, places = known[kept], places[kept]
    return Tokens(text, known, weights[known].astype(np.float32), places)


def pooled(tokens: Tokens) -> np.ndarray:
    """Return the mean of the tokens' vectors as float32; of no tokens it is zero."""
    mean: np.ndarray = np.add.reduce(tokens.vectors, axis=0) / np.float32(max(1, len(tokens.ids)))
    return mean


def vector(text: str, tokens: Tokens, *, turns: int = 1, complexity_score: float | None = None) -> np.ndarray:
    """Return the vector of a prompt as float32 [``DIMENSIONS``].

    Args:
        tokens: Those of ``excerpt(text)``.
        turns: Messages of the user in the conversation so far, this one included.
        complexity_score: In [0, 1]; computed from the text where it is not known.
    """
    score = complexity.score(text, turns=turns) if complexity_score is None else complexity_score
    return np.concatenate((pooled(tokens), surface_features.surface(text, tokens, turns=turns, complexity_score=score)))


def to_bytes(vector: np.ndarray) -> bytes:
    """Return a vector as it is kept: little-endian float16."""
    return vector.astype("<f2").tobytes()


def from_bytes(kept: bytes) -> np.ndarray:
    """Return a vector kept by ``to_bytes`` as float32."""
    return np.frombuffer(kept, dtype="<f2").astype(np.float32)
