"""Whether the detectors are as often right as they claim, right meaning accepted, and what their confidence is worth.

Ten bins of equal width (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2). Each bin's share of
acceptance is drawn towards its confidence, as if ``STRENGTH`` answers had agreed with it; neighbors that contradict the
order are pooled (Barlow et al. 1972, "Statistical Inference under Order Restrictions"), so that more confidence never
calibrates to less. Between the bins' centers the curve is a straight line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from insights.domain.answers import Answered

BINS = 10
STRENGTH = 10.0
_HALF_A_BIN = 0.5 / BINS


@dataclass(frozen=True, slots=True)
class Bin:
    """One tenth of the confidences: ``low`` belongs to it, ``high`` only in the last.

    Both means lie in [0, 1] and are None where there is no answer.
    """

    low: float
    high: float
    count: int
    mean_confidence: float | None
    accepted_share: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Figures of the confidences as the detectors gave them, and the curve that corrects them.

    Attributes:
        samples: Answers that said yes or no.
        expected_error: Expected calibration error: the mean over answers of the gap between a bin's confidence and its
            share of acceptance; None without answers.
        brier_score: Mean squared gap between confidence and answer (Brier 1950); None without answers.
        curve: Calibrated confidence at 0, at the center of each bin, and at 1.
    """

    samples: int
    bins: tuple[Bin, ...]
    expected_error: float | None
    brier_score: float | None
    curve: tuple[float, ...]

    def calibrated(self, confidence: float) -> float:
        """Return what a confidence in [0, 1] is worth: never less for a higher one, and unchanged without answers."""
        return float(np.interp(confidence, _KNOTS, self.curve))


_CENTERS = (np.arange(BINS) + 0.5) / BINS
_KNOTS = np.concatenate(([0.0], _CENTERS, [1.0]))


def measure(answers: Iterable[Answered]) -> Calibration:
    """Compute the calibration anew from the answers, in any order; those ignored count for nothing."""
    decided = sorted((answer.confidence, answer.is_accepted) for answer in answers if answer.is_decided)
    confidence = np.array([each for each, _ in decided], dtype=float)
    accepted = np.array([each for _, each in decided], dtype=float)
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    claimed = np.bincount(places, weights=confidence, minlength=BINS)
    found = np.bincount(places, weights=accepted, minlength=BINS)
    samples = len(decided)
    return Calibration(
        samples,
        tuple(_bin(place, int(counts[place]), claimed[place], found[place]) for place in range(BINS)),
        float(np.abs(found - claimed).sum() / samples) if samples else None,
        float(np.mean((confidence - accepted) ** 2)) if samples else None,
        _curve(counts, found),
    )


def _bin(place: int, count: int, claimed: float, found: float) -> Bin:
    share = (float(claimed / count), float(found / count)) if count else (None, None)
    return Bin(place / BINS, (place + 1) / BINS, count, *share)


def _curve(counts: np.ndarray, found: np.ndarray) -> tuple[float, ...]:
    weights = counts + STRENGTH
    levels = _non_decreasing((found + STRENGTH * _CENTERS) / weights, weights)
    return (max(0.0, levels[0] - _HALF_A_BIN), *levels, min(1.0, levels[-1] + _HALF_A_BIN))


def _non_decreasing(values: Sequence[float] | np.ndarray, weights: np.ndarray) -> list[float]:
    """Return the closest non-decreasing values by weighted squares: pool adjacent violators."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pool = (float(value), float(weight), 1)
        while pools and pools[-1][0] > pool[0]:
            level, mass, size = pools.pop()
            total = mass + pool[1]
            pool = ((level * mass + pool[0] * pool[1]) / total, total, size + pool[2])
        pools.append(pool)
    return [level for level, _, size in pools for _ in range(size)]
