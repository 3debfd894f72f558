"""How much of each prediction goes into the forecast."""

from collections.abc import Iterator, Sequence

import numpy as np

from learning.domain import prediction_error

# The shares that are tried are multiples of this.
_STEP = 0.05
# The shares found count as much as those expected once there are this many prompts. Squared error tells predictions
# apart that choose equally well, and hardly tells apart those that do not: from fewer prompts, chance would choose.
_PRIOR_PROMPTS = 8_000


def shares(errors: Sequence[np.ndarray], weight: np.ndarray, *, prior: Sequence[float]) -> np.ndarray:
    """Return the share of each prediction, which sum to 1.

    The shares are those of least squared error out of fold (stacking, Breiman 1996, with shares that are no less than
    0), shrunken towards ``prior``: simple shares are hard to beat (Clemen 1989).

    Args:
        errors: Of each prediction, outcomes less out-of-fold predictions [n, models].
        weight: [n, models], 0 where nothing was seen.
        prior: The shares of no evidence; their sum need not be 1.
    """
    gram = prediction_error.gram(list(errors), weight)
    best = min(_grid(len(errors)), key=lambda tried: float(tried @ gram @ tried))
    shrunken = len(weight) * best + _PRIOR_PROMPTS * np.array(prior) / sum(prior)
    normalized: np.ndarray = shrunken / shrunken.sum()
    return normalized


def _grid(count: int) -> Iterator[np.ndarray]:
    steps = round(1 / _STEP)
    for parts in _compositions(steps, count):
        yield np.array(parts) * _STEP


def _compositions(total: int, count: int) -> Iterator[tuple[int, ...]]:
    if count == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _compositions(total - first, count - 1):
            yield (first, *rest)
