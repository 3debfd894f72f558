"""Sums up a router's curve in figures, with bootstrap intervals over prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.routing import curves, pair_measures
from benchmarks.routing.curves import Hull
from benchmarks.routing.pools import FloatArray, Pool
from benchmarks.routing.sweeps import Sweep

SHARES = (95, 98, 100)
RECOVERIES = (50, 80)
_NO_GAP = 1e-6


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value with the interval that holds 95 % of the bootstrap's; nan where it does not exist."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scored:
    """A router's figures by name: ``area``, ``saved_95`` …, of pairs ``apgr``, ``cpt_50`` …, of points ``cost`` and
    ``quality``; ``curve`` holds its points at all settings, for pictures."""

    name: str
    is_point: bool
    figures: Mapping[str, Figure]
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Draw:
    """What routers are held against on one draw of the prompts."""

    cost: FloatArray
    quality: FloatArray
    mix: Hull
    oracle: Hull

    @property
    def best(self) -> int:
        return int(np.argmax(self.quality))


def weights(groups: np.ndarray, draws: int, seed: int) -> FloatArray:
    """Return a row of weights that add up to 1: first all prompts alike, then ``draws`` bootstrap samples.

    Prompts of one group, which are equal, are drawn together.
    """
    names, index = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    counts = [np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names)) for _ in range(draws)]
    rows = np.array([np.ones(len(names)), *counts], dtype=np.float64)[:, index]
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), dtype=np.float64)


def score(pool: Pool, routers: Sequence[Sweep], oracle: Sweep, rows: FloatArray) -> list[Scored]:
    """Return the figures of every router for the ``weights`` of this pool, and of the oracle."""
    draws = _draws(pool, oracle, rows)
    return [_scored(pool, router, draws, rows) for router in (*routers, oracle)]


def _draws(pool: Pool, oracle: Sweep, rows: FloatArray) -> list[_Draw]:
    fixed_cost, fixed_quality = rows @ pool.cost, rows @ pool.quality
    best_cost, best_quality = oracle.points(pool, rows)
    return [
        _Draw(
            fixed_cost[draw],
            fixed_quality[draw],
            curves.hull(fixed_cost[draw], fixed_quality[draw]),
            curves.hull(best_cost[draw], best_quality[draw]),
        )
        for draw in range(len(rows))
    ]


def _scored(pool: Pool, router: Sweep, draws: Sequence[_Draw], rows: FloatArray) -> Scored:
    cost, quality = router.points(pool, rows)
    measured = [
        (_point if router.is_point else _curve)(draw, cost[number], quality[number], is_pair=pool.is_pair)
        for number, draw in enumerate(draws)
    ]
    figures = {name: _figure([values.get(name, float("nan")) for values in measured]) for name in measured[0]}
    curve = tuple(zip(cost[0].tolist(), quality[0].tolist(), strict=True))
    return Scored(router.name, router.is_point, figures, curve)


def _point(draw: _Draw, cost: FloatArray, quality: FloatArray, *, is_pair: bool) -> dict[str, float]:
    """The share of the gap between random mix and oracle that is closed at the point's own cost."""
    least = float(draw.mix.quality_at(cost[0]))
    most = float(draw.oracle.quality_at(cost[0]))
    return {
        "closed_at_its_cost": _share(float(quality[0]) - least, most - least),
        "cost": curves.ratio(float(cost[0]), float(draw.cost[draw.best])),
        "quality": curves.ratio(float(quality[0]), float(draw.quality[draw.best])),
    }


def _share(part: float, whole: float) -> float:
    # At either end of the range random mix and oracle meet, but for rounding.
    return part / whole if whole > _NO_GAP else float("nan")


def _curve(draw: _Draw, cost: FloatArray, quality: FloatArray, *, is_pair: bool) -> dict[str, float]:
    # Whoever can route can also always ask the cheapest model.
    reached = curves.hull(np.append(cost, draw.cost[0]), np.append(quality, draw.quality[0]))
    low, high = float(draw.cost.min()), float(draw.cost.max())
    found = {"area": curves.area_closed(reached, draw.mix, draw.oracle, low, high)}
    best_cost, best_quality = float(draw.cost[draw.best]), float(draw.quality[draw.best])
    for share in SHARES:
        found[f"saved_{share}"] = curves.saved_at(reached, share / 100, best_quality, best_cost)
    if is_pair and draw.quality[1] > draw.quality[0]:
        calls = (cost - draw.cost[0]) / (draw.cost[1] - draw.cost[0])
        cheap, dear = draw.quality.tolist()
        found["apgr"] = pair_measures.apgr(calls, quality, cheap, dear)
        for recovery in RECOVERIES:
            found[f"cpt_{recovery}"] = pair_measures.cpt(recovery / 100, calls, quality, cheap, dear)
    return found


def _figure(values: Sequence[float]) -> Figure:
    drawn = np.array(values[1:])
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, (0.025, 0.975)) if len(drawn) else (float("nan"), float("nan"))
    return Figure(values[0], float(low), float(high))
