"""Student's t distribution on plain floats; infinite degrees of freedom mean the normal distribution.

``scipy.stats`` checks and reshapes its arguments at length, which would take most of an analysis' time.
"""

import math

import scipy

# Beyond this the normal tail underflows, so that no double can tell two values apart.
_LARGEST_Z = 37.5


def lower_tail(t: float, df: float) -> float:
    """Return P(T ≤ t)."""
    return float(scipy.special.ndtr(t) if math.isinf(df) else scipy.special.stdtr(df, t))


def two_sided_p(t: float, df: float) -> float:
    """Return P(|T| ≥ |t|)."""
    return min(1.0, 2 * lower_tail(-abs(t), df))


def quantile(probability: float, df: float) -> float:
    """Return the t below which ``probability`` of the distribution lies."""
    return float(scipy.special.ndtri(probability) if math.isinf(df) else scipy.special.stdtrit(df, probability))


def as_z(t: float, df: float) -> float:
    """Return |z| that is as unlikely under the normal distribution as ``t`` is with ``df`` degrees of freedom."""
    tail = lower_tail(-abs(t), df)
    return _LARGEST_Z if tail <= 0 else min(_LARGEST_Z, -float(scipy.special.ndtri(tail)))


def from_z(z: float, df: float) -> float | None:
    """Return the t that is as unlikely as ``z`` ≥ 0 is; None where it is too large to be told."""
    if not math.isfinite(z) or z >= _LARGEST_Z:
        return None
    t = -quantile(float(scipy.special.ndtr(-z)), df)
    return t if math.isfinite(t) else None
