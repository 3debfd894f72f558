"""Two means compared with unequal variances: every comparison between arms ends here.

A sample may be the mean of plain observations or a ratio over clusters whose variance a jackknife estimated. For units
with one request each the two are the same numbers, so that the jackknife of a mean leads to Welch's test.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """An estimated level: ``variance`` is that of the estimate, not of one observation; ``df`` belongs to it."""

    mean: float
    variance: float
    df: float


@dataclass(frozen=True, slots=True)
class Difference:
    """An estimated difference, its variance and degrees of freedom."""

    effect: float
    variance: float
    df: float

    @property
    def t(self) -> float:
        """The effect in standard errors; the variance must be positive."""
        return self.effect / math.sqrt(self.variance)


def compare(control: Sample, treatment: Sample) -> Difference:
    """Return treatment minus control with the degrees of freedom of Welch (1947) and Satterthwaite (1946)."""
    variance = control.variance + treatment.variance
    return Difference(treatment.mean - control.mean, variance, _degrees_of_freedom(control, treatment))


def compare_relative(control: Sample, treatment: Sample) -> Difference:
    """Return the difference as a share of the control's mean, its variance by the delta method.

    The degrees of freedom are those of the plain difference. ``control.mean`` must not be zero.
    """
    base, level = abs(control.mean), treatment.mean / control.mean
    variance = (treatment.variance + control.variance * level * level) / base / base
    effect = (treatment.mean - control.mean) / base
    return Difference(effect, variance, _degrees_of_freedom(control, treatment))


def _degrees_of_freedom(control: Sample, treatment: Sample) -> float:
    variance = control.variance + treatment.variance
    if variance <= 0:
        return control.df + treatment.df
    # Shares of the variance, not variances: squares of very small ones would underflow.
    shares = control.variance / variance, treatment.variance / variance
    return 1 / (shares[0] ** 2 / control.df + shares[1] ** 2 / treatment.df)
