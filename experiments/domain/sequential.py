"""The anytime-valid t test: an experiment may be looked at after every request and stopped at any look.

Under the null hypothesis the e-value is a nonnegative martingale that starts at 1, hence by Ville's inequality it ever
reaches 1/alpha with probability alpha at most. It is the ratio of the t likelihood mixed over a normal prior of the
effect with standard deviation tau to that without an effect (Lindon, Ham, Tingley, Bojinov 2022, "Anytime-valid linear
models and regression adjusted causal inference", theorem 3.2).
"""

import math
from dataclasses import dataclass

# exp() of more than this is no finite double.
_LARGEST_EXPONENT = 700.0


def log_e_value(t: float, df: float, r: float) -> float:
    """Return ln E for a t statistic; ``r`` = V / (V + tau²) in (0, 1)."""
    if math.isinf(df):
        return 0.5 * math.log(r) + 0.5 * (1 - r) * t * t
    square = t * t / df
    return 0.5 * math.log(r) + 0.5 * (df + 1) * (math.log1p(square) - math.log1p(r * square))


def radius(df: float, r: float, alpha: float) -> float | None:
    """Return the half-width of the confidence sequence in standard errors; None where it is unbounded."""
    if math.isinf(df):
        return math.sqrt((math.log(1 / r) - 2 * math.log(alpha)) / (1 - r))
    c = math.exp((math.log(r) + 2 * math.log(alpha)) / (df + 1))
    if c <= r:
        return None
    return math.sqrt(df * (1 - c) / (c - r))


@dataclass(frozen=True, slots=True)
class Anytime:
    """The rule that holds at every look. Its p-values are those of one look; callers keep the running minimum."""

    alpha: float

    def p_value(self, t: float, df: float, variance: float, tau: float) -> float:
        """Return min(1, 1/E)."""
        return math.exp(min(0.0, -log_e_value(t, df, _share(variance, tau))))

    def e_value(self, t: float, df: float, variance: float, tau: float) -> float:
        """Return E, cut off where it would no longer be finite."""
        return math.exp(min(_LARGEST_EXPONENT, log_e_value(t, df, _share(variance, tau))))

    def critical(self, df: float, variance: float, tau: float) -> float | None:
        """Return the half-width of the interval in standard errors."""
        return radius(df, _share(variance, tau), self.alpha)


def _share(variance: float, tau: float) -> float:
    # Kept off 0 and 1, where the logarithms end.
    return min(1 - 1e-12, max(1e-300, variance / (variance + tau * tau)))
