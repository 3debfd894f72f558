"""Standard errors of sums of ratios whose observations come in clusters, the users."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Two-sided 95 %, of which each bound alone is a one-sided 97.5 % one; gates ask for one-sided 95 % bounds.
TWO_SIDED = 0.975
ONE_SIDED = 0.95


@dataclass(frozen=True, slots=True)
class Term:
    """The sum of ``numerators`` over that of ``denominators``, one of each per observation; ``sign`` is 1 or -1."""

    numerators: FloatArray
    denominators: FloatArray
    sign: float = 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and how sure it is; ``standard_error`` is None where the clusters are too few to say."""

    value: float
    standard_error: float | None
    degrees_of_freedom: float

    @property
    def low(self) -> float | None:
        """Lower end of the two-sided 95 % interval."""
        return self._bound(-TWO_SIDED)

    @property
    def high(self) -> float | None:
        """Upper end of the two-sided 95 % interval."""
        return self._bound(TWO_SIDED)

    @property
    def at_least(self) -> float | None:
        """One-sided lower 95 % bound."""
        return self._bound(-ONE_SIDED)

    @property
    def at_most(self) -> float | None:
        """One-sided upper 95 % bound."""
        return self._bound(ONE_SIDED)

    def quantile(self, level: float) -> float:
        """Return Student's t quantile at ``level`` in (0, 1) with the degrees of freedom of this estimate."""
        # Web processes, which only show such estimates, are spared the 25 MB.
        from scipy.special import stdtrit

        return float(stdtrit(self.degrees_of_freedom, level))

    def _bound(self, level: float) -> float | None:
        if self.standard_error is None:
            return None
        distance = self.quantile(abs(level)) * self.standard_error
        return self.value + (distance if level > 0 else -distance)


def estimate(terms: Sequence[Term], clusters: IntArray, *, sizes: Sequence[FloatArray] = ()) -> Estimate | None:
    """Estimate a sum of ratios with its delete-one-cluster jackknife error; None where a denominator is zero.

    The variance is ``(G - 1) / G · Σ_g (v_g - v̄)²`` with ``v_g`` the estimate without cluster ``g`` and ``v̄`` their
    mean (Cameron & Miller 2015, section VI.B, their CR3; Efron & Stein 1981 on its upward bias). It equals the
    linearized sandwich to first order and is the more careful of the two with few clusters. Degrees of freedom are the
    effective number of clusters less one, at least 1 (Carter, Schnepel & Steigerwald 2017): of equal clusters, their
    number less one.

    Args:
        terms: What is summed; all arrays have one entry for each observation.
        clusters: The cluster of each observation, 0 to G - 1, none left out.
        sizes: How much each observation weighs, none negative, for the effective number of clusters; the smallest
            number found counts. The number of observations of a cluster is always among them.
    """
    totals = [
        (cluster_totals(term.numerators, clusters), cluster_totals(term.denominators, clusters), term.sign)
        for term in terms
    ]
    if any(denominators.sum() == 0 for _, denominators, _ in totals):
        return None
    ratios = [(np.array([top.sum() / bottom.sum()]), sign) for top, bottom, sign in totals]
    effective = min(
        effective_number(cluster_totals(weights, clusters))
        for weights in (np.ones(len(clusters)), *sizes)
        if weights.any()
    )
    return Estimate(float(_signed_sum(ratios)[0]), _standard_error(totals), max(1.0, effective - 1.0))


def effective_number(weights: FloatArray) -> float:
    """Return ``(Σ w)² / Σ w²`` (Kish 1965): how many equally weighted items say as much as these; 0 for none."""
    largest = float(np.max(np.abs(weights), initial=0.0))
    if largest == 0:
        return 0.0
    scaled = weights / largest
    return float(scaled.sum() ** 2 / (scaled**2).sum())


def cluster_totals(values: FloatArray, clusters: IntArray) -> FloatArray:
    """Return the sum of ``values`` of each cluster."""
    return np.bincount(clusters, weights=values).astype(np.float64)


def _standard_error(totals: Sequence[tuple[FloatArray, FloatArray, float]]) -> float | None:
    count = len(totals[0][0])
    if count < 2:
        return None
    without: list[tuple[FloatArray, float]] = []
    for numerators, denominators, sign in totals:
        remaining = denominators.sum() - denominators
        if not remaining.all():
            return None
        without.append(((numerators.sum() - numerators) / remaining, sign))
    replicates = _signed_sum(without)
    error = sqrt((count - 1) / count * float(((replicates - replicates.mean()) ** 2).sum()))
    return error if isfinite(error) else None


def _signed_sum(values: Sequence[tuple[FloatArray, float]]) -> FloatArray:
    """Add what is positive, and take away the sum of what is not: equal halves give exactly zero."""
    nothing = np.zeros_like(values[0][0])
    plus = sum((value for value, sign in values if sign > 0), start=nothing)
    minus = sum((value for value, sign in values if sign < 0), start=nothing)
    return plus - minus
