"""A quantile over all requests, whose variance respects that requests come from units.

The interval of order statistics gives the density at the quantile; the variance of the share below it, taken over
units, is put in the place of the binomial one: Deng, Knoblich and Lu (2018), "Applying the delta method in metric
analytics", section 4.
"""

import math
from statistics import NormalDist

import numpy as np

from experiments.domain.units import Floats, Latencies, effective_number
from experiments.domain.welch import Sample

_Z = NormalDist().inv_cdf(0.975)


def estimate(latencies: Latencies, probability: float) -> Sample | None:
    """Return the quantile of ``probability`` in milliseconds; None where the data do not reach both sides of it."""
    values = np.sort(latencies.values_ms)
    count = len(values)
    reach = _Z * math.sqrt(probability * (1 - probability) / count) if count else 1.0
    if probability + reach >= 1 or probability - reach <= 0:
        return None
    # Ranks from 1 up, those of the interval rounded outwards.
    ranks = (
        max(1, math.floor((probability - reach) * count)),
        max(1, math.ceil(probability * count)),
        min(count, math.ceil((probability + reach) * count)),
    )
    low, middle, high = (float(values[rank - 1]) for rank in ranks)
    of_unit = np.bincount(latencies.units)
    below = np.bincount(latencies.units, weights=latencies.values_ms <= middle)
    seen = of_unit > 0
    weights = of_unit[seen].astype(np.float64)
    if len(weights) < 2:
        return None
    clustered = ratio_variance(below[seen].astype(np.float64), weights)
    variance = observation_variance(count, low, high, probability, clustered) / count
    return Sample(middle, variance, effective_number(weights) - 1)


def observation_variance(count: int, low: float, high: float, probability: float, clustered: float) -> float:
    """Return the quantile's variance times ``count``, from the order statistics ``low`` and ``high`` around it.

    ``clustered`` is the variance over units of the share of requests below the quantile.
    """
    independent = (count - 1) * ((high - low) / (2 * _Z)) ** 2
    return independent * clustered / (probability * (1 - probability) / count)


def ratio_variance(numerators: Floats, denominators: Floats) -> float:
    """Return the variance of Σ numerators / Σ denominators over two or more units, by the delta method."""
    residuals = numerators - numerators.sum() / denominators.sum() * denominators
    return float(residuals @ residuals / (len(residuals) - 1) / len(residuals) / denominators.mean() ** 2)
