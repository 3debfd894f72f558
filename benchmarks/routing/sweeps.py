"""Routers as what they serve: a row for every setting, a column for every prompt, the index of the model served."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.pools import FloatArray, Pool

ServedArray = NDArray[np.int16]
ORACLE = "oracle"
# Models may be equally good on average and still be worth routing between.
_LEAST_RANGE = 1e-3
LEVELS, MAGNITUDES = 161, 4


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A router over all its settings, [settings, prompts]. A router without a setting has one row."""

    name: str
    served: ServedArray

    @property
    def is_point(self) -> bool:
        return len(self.served) == 1

    def points(self, pool: Pool, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean cost and mean quality of every setting, [draws, settings], for weights [draws, prompts]."""
        rows = np.arange(len(pool.texts))
        return weights @ pool.cost[rows, self.served].T, weights @ pool.quality[rows, self.served].T


def by_value(name: str, pool: Pool, quality: FloatArray, cost: FloatArray) -> Sweep:
    """Serve the model with the most quality - price * cost, at every price of ``prices``.

    Args:
        quality: Expected, [prompts, models], cheapest model first.
        cost: Expected, the same shape.
    """
    rows = [np.argmax(quality - price * cost, axis=1) for price in prices(pool)]
    return Sweep(name, np.array(rows, dtype=np.int16))


def prices(pool: Pool) -> FloatArray:
    """Return prices, in quality a unit of cost, evenly over the magnitudes around the pool's own range.

    Neither depends on a router, nor are they many: a hull over more settings than can be told apart would be lifted by
    chance.
    """
    typical = (np.ptp(pool.quality.mean(axis=0)) + _LEAST_RANGE) / np.ptp(pool.cost.mean(axis=0))
    return np.asarray(typical * np.geomspace(10.0**-MAGNITUDES, 10.0**MAGNITUDES, LEVELS), dtype=np.float64)


def always(name: str, model: int, prompts: int) -> Sweep:
    """Serve one model always."""
    return Sweep(name, np.full((1, prompts), model, dtype=np.int16))


def shuffled(name: str, sweep: Sweep, seed: int) -> Sweep:
    """Serve each model as often as ``sweep`` does at every setting, but to prompts drawn at random.

    What remains of a router's curve is what the choice of models is worth; the rest is what it knows of prompts.
    """
    order = np.random.default_rng(seed).permutation(sweep.served.shape[1])
    return Sweep(name, sweep.served[:, order])


def oracle(pool: Pool) -> Sweep:
    """Serve what was best in fact, at every price of ``prices``."""
    return by_value(ORACLE, pool, pool.quality, pool.cost)
