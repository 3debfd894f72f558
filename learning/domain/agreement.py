"""How well two gradings of the same answers agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = 5
# Where agreement by chance is all there could be, the correlations say nothing.
FEWEST_PAIRS = 2


@dataclass(frozen=True, slots=True)
class Agreement:
    """``rate`` is the share of equal levels; kappa and Spearman are in [-1, 1], None where one side never varies."""

    pairs: int
    rate: float | None
    quadratic_kappa: float | None
    spearman: float | None


def level(quality: float) -> int:
    """Return the level, 0 to 4, of a quality in [0, 1]; halves go up."""
    return min(LEVELS - 1, int(quality * (LEVELS - 1) + 0.5))


def agreement(pairs: Sequence[tuple[float, float]]) -> Agreement:
    """Compare pairs of qualities in [0, 1], each with that of the other grading.

    Rate and kappa are of five levels. Kappa is Cohen's with quadratic weights ("Weighted kappa", 1968), Spearman's
    correlation is of the qualities, ties at their mean rank.
    """
    if not pairs:
        return Agreement(0, None, None, None)
    first = np.array([level(one) for one, _ in pairs])
    second = np.array([level(other) for _, other in pairs])
    qualities = np.array(pairs, dtype=np.float64)
    return Agreement(
        pairs=len(pairs),
        rate=float(np.mean(first == second)),
        quadratic_kappa=_quadratic_kappa(first, second),
        spearman=_correlation(_ranks(qualities[:, 0]), _ranks(qualities[:, 1])),
    )


def _quadratic_kappa(first: NDArray[np.int64], second: NDArray[np.int64]) -> float | None:
    observed = float(np.mean((first - second) ** 2))
    # The mean squared difference if the two were independent: of all pairs of one's level with the other's.
    expected = float(np.var(first) + np.var(second) + (np.mean(first) - np.mean(second)) ** 2)
    return None if expected == 0 else 1 - observed / expected


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = (ends - (counts - 1) / 2)[places]
    return ranks


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    if len(first) < FEWEST_PAIRS or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])
