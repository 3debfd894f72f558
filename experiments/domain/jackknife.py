"""A ratio of sums and its variance by leaving out one unit at a time.

This is the CV3 estimator for clusters: MacKinnon, Nielsen and Webb (2023), "Cluster-robust inference: A guide to
empirical practice", section 2. Its degrees of freedom come from the effective number of units, as few heavy users tell
as little as few users.
"""

import numpy as np

from experiments.domain.units import Floats, effective_number
from experiments.domain.welch import Sample

# Standard errors below 1e-10 of the value are rounding errors of data without any variance.
SMALLEST_VARIANCE = 1e-20
# Where one unit holds nearly the whole of a sum; no interval is bounded with it.
SMALLEST_DF = 1e-3


def log_ratio(numerators: Floats, denominators: Floats) -> Sample | None:
    """Return ln(Σ numerators / Σ denominators) with its delete-one-unit jackknife variance.

    Units with a denominator of zero measured nothing and are left out. Takes O(units).

    Returns:
        None where there are fewer than two units, or where one unit holds the whole of a sum, so that without it there
        is no logarithm.
    """
    shares = _shares(numerators, denominators)
    if shares is None:
        return None
    of_numerator, of_denominator, total, size = shares
    if total <= 0 or of_numerator.max() >= 1:
        return None
    # ln((S - s) / S) - ln((D - d) / D), free of the rounding errors that differences of large sums would have.
    without = np.log1p(-of_numerator) - np.log1p(-of_denominator)
    return Sample(float(np.log(total) - np.log(size)), _variance(without), _df(of_denominator))


def ratio(numerators: Floats, denominators: Floats, unit: float = 1.0) -> Sample | None:
    """Return Σ numerators / Σ denominators in multiples of ``unit``; else as ``log_ratio``.

    With denominators of 1 the variance is s² / n and the degrees of freedom are n - 1: the classical mean.
    """
    shares = _shares(numerators, denominators)
    if shares is None:
        return None
    of_numerator, of_denominator, total, size = shares
    value = total / size / unit
    without = value * (1 - of_numerator) / (1 - of_denominator)
    variance = _variance(without)
    if not np.isfinite(variance):
        return None
    return Sample(float(value), variance, _df(of_denominator))


def _shares(numerators: Floats, denominators: Floats) -> tuple[Floats, Floats, float, float] | None:
    measured = denominators > 0
    if not measured.all():
        numerators, denominators = numerators[measured], denominators[measured]
    if len(denominators) < 2:
        return None
    total, size = float(numerators.sum()), float(denominators.sum())
    of_denominator = denominators / size
    if not np.isfinite(total + size) or of_denominator.max() > 1 - 1e-9:
        return None
    return (numerators / total if total > 0 else numerators), of_denominator, total, size


def _variance(without: Floats) -> float:
    count = len(without)
    deviations = without - without.sum() / count
    return float((count - 1) / count * (deviations @ deviations))


def _df(of_denominator: Floats) -> float:
    return max(SMALLEST_DF, effective_number(of_denominator) - 1)
