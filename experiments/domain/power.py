"""How many units an experiment needs: for its effect on cost, and for each margin, which usually asks for more."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import scipy

from experiments.domain import group_sequential, metrics, sequential
from experiments.domain.metrics import Metric
from experiments.domain.plan import ExperimentPlan, Mode
from experiments.domain.units import ArmData

# Looks assumed while planning; more of them ask for hardly more units.
_PLANNED_LOOKS = 20


@dataclass(frozen=True, slots=True)
class Spread:
    """What is known or guessed of a metric before an experiment.

    Attributes:
        of_request: standard deviation of one request, as a share of the mean; for a rate, sqrt(rate x (1 - rate)).
        requests_per_unit: how many requests a unit makes while the experiment runs.
        correlation: of two requests of one unit, 0 to 1.
        measured_share: share of the requests for which the metric is known, as with ratings.
    """

    of_request: float
    requests_per_unit: float = 1.0
    correlation: float = 0.0
    measured_share: float = 1.0

    def of_unit(self) -> float:
        """Return the standard deviation of a unit's mean (Kish 1965, the design effect 1 + (m - 1) rho)."""
        measured = max(1.0, self.requests_per_unit * self.measured_share)
        share = min(1.0, self.requests_per_unit * self.measured_share)
        return self.of_request * math.sqrt((1 + (measured - 1) * self.correlation) / measured / share)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a metric asks for: to find ``effect``, or to show that a margin of that size is kept between equal arms.

    ``effect`` is on the scale that is tested: logarithms, for rates their difference. ``chance_at_planned_size`` says
    how likely the planned size settles it; None without a planned size.
    """

    metric: str
    effect: float
    units_per_arm: int
    requests: int
    chance_at_planned_size: float | None


# Lognormal cost of sigma 1, latency and quality as they are seen on mixed traffic; one rating in five requests.
GUESSES: Mapping[str, Spread] = {
    "cost_per_request": Spread(1.3, 10, 0.3),
    "cost_per_reference_cost": Spread(0.6, 10, 0.05),
    "latency": Spread(0.7, 10, 0.1),
    "quality": Spread(0.25, 10, 0.1, 0.2),
    "error_rate": Spread(0.14, 10, 0.05),
}


def power(effect: float, error: float, alpha: float) -> float:
    """Return the chance that a two-sided z test finds ``effect``, given its standard error."""
    z = -float(scipy.special.ndtri(alpha / 2))
    return float(scipy.special.ndtr(effect / error - z) + scipy.special.ndtr(-effect / error - z))


def units_per_arm(effect_in_deviations: float, alpha: float, chance: float) -> float:
    """Return the units in each of two equal arms for a two-sided t test, by the noncentral t distribution.

    ``effect_in_deviations`` is Cohen's d. Cohen (1988), "Statistical Power Analysis", section 2.4.
    """
    shift = abs(effect_in_deviations)

    def shortfall(count: float) -> float:
        df = 2 * count - 2
        limit = float(scipy.special.stdtrit(df, 1 - alpha / 2))
        center = shift * math.sqrt(count / 2)
        return 1 - _noncentral_t(limit, df, center) + _noncentral_t(-limit, df, center) - chance

    normal = 2 * ((scipy.special.ndtri(1 - alpha / 2) + scipy.special.ndtri(chance)) / shift) ** 2
    fewest = max(2.0, float(normal) * 0.5)
    if shortfall(fewest) >= 0:
        return fewest
    return float(scipy.optimize.brentq(shortfall, fewest, normal * 1.5 + 10, xtol=1e-6))


@lru_cache(maxsize=1024)
def variance_to_reach(mode: Mode, effect: float, tau: float, alpha: float, chance: float) -> float:
    """Return how small an estimate's variance must be to find ``effect`` with this chance under the mode's rule."""
    if mode == "group_sequential":
        return (effect / _drift(alpha, chance)) ** 2
    quantile = float(scipy.special.ndtri(chance))
    if mode == "fixed":
        return (effect / (quantile - float(scipy.special.ndtri(alpha / 2)))) ** 2

    def excess(log_variance: float) -> float:
        variance = math.exp(log_variance)
        limit = sequential.Anytime(alpha).critical(math.inf, variance, tau)
        return math.sqrt(variance) * ((limit or 0.0) + quantile) - effect

    middle = 2 * math.log(effect)
    return math.exp(float(scipy.optimize.brentq(excess, middle - 60, middle + 10, xtol=1e-9)))


def missing_units(variance: float | None, units: int, target: float) -> int | None:
    """Return how many more units, of all arms, bring ``variance`` down to ``target``; None where that is unknown."""
    if variance is None or variance <= 0:
        return None
    needed = units * (variance / target - 1)
    return max(0, math.ceil(needed)) if needed < 1e15 else None


def requirements(plan: ExperimentPlan, spreads: Mapping[str, Spread] = GUESSES) -> tuple[Requirement, ...]:
    """Return what each metric of the plan asks for, by name of the metric; those without a spread are left out.

    For weights other than equal ones the smallest arm is taken to have ``units_per_arm``.
    """
    primary = metrics.COST_PER_REFERENCE if plan.denominator == "reference_cost" else metrics.COST_PER_REQUEST
    asked = [primary, *(metrics.GUARDS[guardrail.metric] for guardrail in plan.all_guardrails)]
    return tuple(_requirement(plan, metric, spreads[metric.name]) for metric in asked if metric.name in spreads)


def observed_spreads(arm: ArmData) -> dict[str, Spread]:
    """Return the spreads seen in past traffic, or in an arm, in place of GUESSES; what cannot be told is left out."""
    requests_per_unit = float(arm.requests.sum()) / max(1, arm.units)
    found = {metric.name: metrics.unit_spread(metric, arm) for metric in metrics.ALL}
    # A correlation of 1 makes the spread of a unit that of a request: it is the unit's that was observed.
    return {name: Spread(spread, requests_per_unit, 1.0) for name, spread in found.items() if spread}


def _noncentral_t(limit: float, df: float, center: float) -> float:
    """Return P(T ≤ limit) of the noncentral t distribution.

    Where scipy cannot tell it, which is far out, by Abramowitz and Stegun (1964), formula 26.7.10.
    """
    exact = float(scipy.special.nctdtr(df, center, limit))
    if not math.isnan(exact):
        return exact
    return float(scipy.special.ndtr((limit * (1 - 1 / (4 * df)) - center) / math.sqrt(1 + limit * limit / (2 * df))))


def _requirement(plan: ExperimentPlan, metric: Metric, spread: Spread) -> Requirement:
    effect = plan.effect_to_find(metric, "log" if metric.is_relative else "points")
    tau = plan.tau if plan.tau and metric not in metrics.GUARDS.values() else effect
    fixed = variance_to_reach("fixed", effect, effect, plan.alpha, plan.power)
    inflation = fixed / variance_to_reach(plan.effective_mode, effect, tau, plan.alpha, plan.power)
    units = max(
        math.ceil(units_per_arm(effect / spread.of_unit(), plan.alpha, plan.power) * inflation), plan.minima.units
    )
    requests = math.ceil(units / min(plan.weights.values()) * spread.requests_per_unit)
    return Requirement(metric.name, effect, units, requests, _chance_at_planned_size(plan, spread, effect, tau))


def _chance_at_planned_size(plan: ExperimentPlan, spread: Spread, effect: float, tau: float) -> float | None:
    if plan.sample_size is None:
        return None
    units = plan.sample_size * min(plan.weights.values()) / spread.requests_per_unit
    variance = 2 * spread.of_unit() ** 2 / units
    if plan.effective_mode == "group_sequential":
        # Adding up the small chances of each look may end a rounding error above 1.
        return min(1.0, group_sequential.crossing_chance(*_planned_looks(plan.alpha), effect / math.sqrt(variance)))
    if plan.effective_mode == "fixed":
        return power(effect, math.sqrt(variance), plan.alpha)
    # Earlier looks add little to the last one.
    limit = sequential.Anytime(plan.alpha).critical(math.inf, variance, tau) or math.inf
    return power(effect, math.sqrt(variance), 2 * float(scipy.special.ndtr(-limit)))


@lru_cache(maxsize=64)
def _drift(alpha: float, chance: float) -> float:
    """Return the effect in standard errors of the whole experiment that is found with this chance."""
    looks = _planned_looks(alpha)
    return float(
        scipy.optimize.brentq(
            lambda drift: group_sequential.crossing_chance(*looks, drift) - chance, 0.0, 20.0, xtol=1e-6
        )
    )


@lru_cache(maxsize=64)
def _planned_looks(alpha: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    fractions = tuple(number / _PLANNED_LOOKS for number in range(1, _PLANNED_LOOKS + 1))
    spent = [group_sequential.obrien_fleming_spent(alpha, fraction) for fraction in fractions]
    return fractions, tuple(group_sequential.boundaries(fractions, spent))
