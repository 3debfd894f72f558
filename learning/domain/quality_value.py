"""What quality has to be worth, so that routing by it gives up no more of it than somebody allows.

A policy serves the model with the largest ``quality - cost / usd_per_quality``. The more quality is worth, the better
and the dearer the models that it serves. People think in quality rather than in dollars for quality: "give up at most
2 % of what the best single model reaches". The least value that keeps to that is found on held-out predictions.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# Of the best single model's mean quality, what may be given up.
TOLERANCES = (0.0, 0.01, 0.02, 0.05, 0.1)
# Values tried between a thousandth of the dearest answer and ten thousand times its price.
_LEAST, _MOST, _COUNT = 1e-3, 1e4, 211


@dataclass(frozen=True, slots=True)
class QualityValue:
    """The least ``usd_per_quality`` that keeps to a ``tolerance``, with the mean quality and cost it leads to."""

    tolerance: float
    usd_per_quality: float
    quality: float
    cost_usd: float


def values(
    predicted: np.ndarray,
    cost_usd: np.ndarray,
    quality: np.ndarray,
    weight: np.ndarray,
    tolerances: Iterable[float] = TOLERANCES,
) -> list[QualityValue]:
    """Return a value for each tolerance that any value keeps to; none where no model has a cost.

    What a served model would have reached is its outcome where that was seen, and its held-out prediction elsewhere.

    Args:
        predicted: Held-out predictions of quality [prompts, models].
        cost_usd: Expected cost of each answer [prompts, models], infinite where unknown.
        quality: Outcomes, and ``weight``: 0 where none was seen [prompts, models].
    """
    dearest = float(cost_usd[np.isfinite(cost_usd)].max(initial=0.0))
    if dearest <= 0.0:
        return []
    reached = np.where(weight > 0, quality, predicted)
    best_single = float(reached.mean(0).max())
    rows = np.arange(len(predicted))
    tried = []
    for value in np.geomspace(_LEAST * dearest, _MOST * dearest, _COUNT):
        served = np.argmax(predicted - cost_usd / value, axis=1)
        tried.append((float(value), float(reached[rows, served].mean()), float(cost_usd[rows, served].mean())))
    found = []
    for tolerance in tolerances:
        kept = [entry for entry in tried if entry[1] >= (1.0 - tolerance) * best_single]
        if kept:
            found.append(QualityValue(tolerance, *min(kept)))
    return found
