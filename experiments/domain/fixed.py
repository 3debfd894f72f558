"""One look at the planned size: the classical test, valid only if nobody decides by it before."""

from dataclasses import dataclass

from experiments.domain import student


@dataclass(frozen=True, slots=True)
class OneLook:
    """The rule of a fixed horizon."""

    alpha: float

    def p_value(self, t: float, df: float, variance: float, tau: float) -> float:
        """Return the two-sided p-value of Student's t."""
        return student.two_sided_p(t, df)

    def e_value(self, t: float, df: float, variance: float, tau: float) -> None:
        """Return None: only the anytime-valid rule bets."""

    def critical(self, df: float, variance: float, tau: float) -> float | None:
        """Return the half-width of the interval in standard errors."""
        return student.quantile(1 - self.alpha / 2, df)
