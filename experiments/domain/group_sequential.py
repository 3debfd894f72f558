"""Group-sequential testing: a planned size, and any number of looks on the way that together spend alpha.

Spending: Lan and DeMets (1983), "Discrete sequential boundaries for clinical trials", of O'Brien-Fleming type.
Boundaries: the recursion of Armitage, McPherson and Rowe (1969) over the density of the statistic on the paths that
have not crossed yet, as in Jennison and Turnbull (2000), "Group Sequential Methods", chapter 19; integrated by
Gauss-Legendre quadrature instead of their Simpson grid, which is too coarse for a hundred looks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from experiments.domain import student

# Looks closer together than this are one look: it bounds their number, and the quadrature is exact for such steps.
SMALLEST_STEP = 0.01
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(160)
# Less than this is not spent but left for later looks: its boundary is past seven standard errors.
_SMALLEST_SPEND = 1e-12
_WIDEST_BOUNDARY = 9.0
# Levels at which boundaries are computed, to read a p-value between them.
_LEVELS = (
    1e-10,
    1e-8,
    1e-6,
    1e-5,
    1e-4,
    1e-3,
    3e-3,
    0.01,
    0.02,
    0.035,
    0.05,
    0.075,
    0.1,
    0.15,
    0.25,
    0.4,
    0.6,
    0.8,
    0.95,
)


def obrien_fleming_spent(alpha: float, fraction: float) -> float:
    """Return how much of the two-sided ``alpha`` may be spent up to this fraction of the information, in (0, 1].

    Each side spends 2 - 2Φ(z(1 - alpha/4) / √t).
    """
    return float(4 * scipy.special.ndtr(scipy.special.ndtri(alpha / 4) / math.sqrt(fraction)))


def boundaries(fractions: Sequence[float], spent: Sequence[float]) -> list[float]:
    """Return the symmetric two-sided boundary |z| of each look; infinite where next to nothing is spent.

    Args:
        fractions: information fractions of the looks, increasing, in (0, 1], at least SMALLEST_STEP apart.
        spent: the two-sided error spent up to and including each look.
    """
    looks = tuple(zip(fractions, spent, strict=True))
    return [_stage(looks[: number + 1]).boundary for number in range(len(looks))]


def crossing_chance(fractions: Sequence[float], limits: Sequence[float], drift: float) -> float:
    """Return the chance that |z| passes its limit at one of the looks.

    ``drift`` is the mean of z at fraction 1: the effect in standard errors of the whole experiment.
    """
    before, nodes, mass, chance = 0.0, np.zeros(1), np.ones(1), 0.0
    for fraction, limit in zip(fractions, limits, strict=True):
        if math.isinf(limit):
            continue
        step, height = math.sqrt(fraction - before), limit * math.sqrt(fraction)
        moved = nodes + drift * (fraction - before)
        chance += float(
            mass @ (scipy.special.ndtr((moved - height) / step) + scipy.special.ndtr((-height - moved) / step))
        )
        nodes = _NODES * height
        mass = _WEIGHTS * height * (_kernel(nodes, moved, step) @ mass)
        before = fraction
    return chance


@dataclass(frozen=True, slots=True)
class Look:
    """The rule at the last of ``fractions``."""

    alpha: float
    fractions: tuple[float, ...]

    def p_value(self, t: float, df: float, variance: float, tau: float) -> float:
        """Return the repeated p-value: the least alpha whose boundary is crossed at this look.

        Jennison and Turnbull (2000), section 9.5. Exact at the experiment's own alpha, and between levels read off a
        line in z², in which ln p is nearly straight. Callers keep the running minimum.
        """
        levels, heights = _levels(self.fractions, self.alpha)
        z = student.as_z(t, df)
        if not heights.size or z < heights[-1]:
            return 1.0
        return float(np.exp(np.interp(z * z, heights[::-1] ** 2, levels[::-1])))

    def e_value(self, t: float, df: float, variance: float, tau: float) -> None:
        """Return None: only the anytime-valid rule bets."""

    def critical(self, df: float, variance: float, tau: float) -> float | None:
        """Return the half-width of the repeated confidence interval in standard errors; None where unbounded."""
        return student.from_z(_last_boundary(self.fractions, self.alpha), df)


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """Where the recursion stands: mass at nodes of the score S = z√t on the paths that have not crossed."""

    boundary: float
    fraction: float
    spent: float
    nodes: NDArray[np.float64]
    mass: NDArray[np.float64]


_START = _Stage(math.inf, 0.0, 0.0, np.zeros(1), np.ones(1))


@lru_cache(maxsize=8192)
def _stage(looks: tuple[tuple[float, float], ...]) -> _Stage:
    if not looks:
        return _START
    fraction, spent = looks[-1]
    before = _stage(looks[:-1])
    to_spend = spent - before.spent
    if to_spend < _SMALLEST_SPEND:
        # Nobody can cross here, so that the paths go on as if this look had not been.
        return _Stage(math.inf, before.fraction, before.spent, before.nodes, before.mass)
    step = math.sqrt(fraction - before.fraction)
    height = _solve(before, step, math.sqrt(fraction), to_spend)
    nodes = _NODES * height
    mass = _WEIGHTS * height * (_kernel(nodes, before.nodes, step) @ before.mass)
    return _Stage(height / math.sqrt(fraction), fraction, spent, nodes, mass)


def _kernel(to: NDArray[np.float64], start: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return the density of a step from each start to each end; the standard deviation of a step is ``step``."""
    return np.exp(-0.5 * ((to[:, None] - start[None, :]) / step) ** 2) / (step * math.sqrt(2 * math.pi))


def _solve(before: _Stage, step: float, scale: float, to_spend: float) -> float:
    """Return the height of |S| that is passed with probability ``to_spend``."""

    def excess(height: float) -> float:
        # The paths are symmetric about zero, so that one side counts for both.
        return float(2 * (before.mass @ scipy.special.ndtr((before.nodes - height) / step))) - to_spend

    return float(scipy.optimize.brentq(excess, 0.0, _WIDEST_BOUNDARY * scale, xtol=1e-10))


@lru_cache(maxsize=8192)
def _last_boundary(fractions: tuple[float, ...], alpha: float) -> float:
    return _stage(tuple((fraction, obrien_fleming_spent(alpha, fraction)) for fraction in fractions)).boundary


@lru_cache(maxsize=2048)
def _levels(fractions: tuple[float, ...], alpha: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ln alpha, increasing, and the boundaries there, decreasing, as far as they are finite."""
    levels = np.array(sorted({*_LEVELS, alpha}))
    heights = np.array([_last_boundary(fractions, float(level)) for level in levels])
    finite = np.isfinite(heights)
    return np.log(levels[finite]), np.minimum.accumulate(heights[finite])
