"""Did the split come out as planned? If not, something between assignment and record loses units of one arm."""

import math
from collections.abc import Sequence

import scipy

CONCENTRATION = 100.0
THRESHOLD = 0.01
# Exponents beyond this leave the range of doubles.
_LARGEST_EXPONENT = 700.0


def chi_square(observed: Sequence[float], weights: Sequence[float]) -> float:
    """Return the p-value of the counts under the weights, for one look. Arms without weight are left out."""
    used = [(count, weight) for count, weight in zip(observed, weights, strict=True) if weight > 0]
    total = sum(count for count, _ in used)
    if len(used) < 2 or total == 0:
        return 1.0
    scale = total / sum(weight for _, weight in used)
    statistic = sum((count - weight * scale) ** 2 / (weight * scale) for count, weight in used)
    return float(scipy.special.chdtrc(len(used) - 1, statistic))


def log_bayes_factor(observed: Sequence[float], shares: Sequence[float], prior: Sequence[float] | None = None) -> float:
    """Return ln of the multinomial's Bayes factor for "another split" against "the planned split".

    Lindon and Malek (2020), "Anytime-valid inference for multinomial count data". It is a martingale under the
    planned split, hence 1 over its maximum is a p-value at every look.

    Args:
        observed: units seen in each arm.
        shares: planned shares, adding up to 1.
        prior: parameters of the Dirichlet prior; by default CONCENTRATION times the shares.
    """
    before = [CONCENTRATION * share for share in shares] if prior is None else list(prior)
    after = [start + count for start, count in zip(before, observed, strict=True)]
    planned = sum(count * math.log(share) for count, share in zip(observed, shares, strict=True))
    return _log_beta(after) - _log_beta(before) - planned


def sequential_p(observed: Sequence[float], shares: Sequence[float], previous_p: float = 1.0) -> float:
    """Return the running p-value after these counts; ``previous_p`` is that of the look before."""
    exponent = log_bayes_factor(observed, shares)
    return min(previous_p, math.exp(min(0.0, max(-_LARGEST_EXPONENT, -exponent))))


def _log_beta(parameters: Sequence[float]) -> float:
    return sum(math.lgamma(value) for value in parameters) - math.lgamma(sum(parameters))
