"""A stream of prompts where only the outcome of the model that was served is seen.

The product's strategy ``learning`` serves every prompt, tries other models with its own exploration, and is trained
anew after every tenth of the stream on what was seen so far. What is worth having is quality - price * cost, for a
price of quality that stays the same over a stream. It is held against the best fixed model in hindsight:

    gain = worth of what was served - worth of that model, as a share of the oracle's gain over that model,

both summed over the prompts of a stream and over the prices of a grid. The grid matters, so there are two:

- ``break-even``: each slope of the hull of the fixed models, a price at which two of them are worth the same, half of
  it and twice of it. At these prices there is something to decide.
- ``uniform``: 0.03, 0.1, 0.3 and 1 times the range of the models' mean quality over the range of their mean cost.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.routing import curves, product
from benchmarks.routing.pools import FloatArray, IntArray, Pool
from benchmarks.routing.product import BoolArray, Read, Trainer
from learning.domain.predictor_training import NotEnoughEvidence
from routing.domain import exploration, policy, strategies
from routing.domain.decision import Controls
from routing.domain.policy import RoutingPolicy

BREAK_EVEN, UNIFORM = GRIDS = ("break-even", "uniform")
WARM_START = 300
# A larger part of a pool is not spent on its warm start.
LARGEST_WARM_SHARE = 1 / 3
PARTS = 10
# The last three tenths are what is meant by the end of a stream.
FIRST_LAST_PART = 7
_FRACTIONS = (0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True, slots=True)
class Way:
    """How a stream is learned from: the share that explores, and the prompts run through all models before it."""

    exploration_share: float
    warm_start: int

    @property
    def name(self) -> str:
        start = f"{self.warm_start} prompts warm" if self.warm_start else "cold"
        return f"{start}, {100 * self.exploration_share:g} % exploration"


WAYS = {
    "warm-5": Way(0.05, WARM_START),
    "warm-2": Way(0.02, WARM_START),
    "cold-5": Way(0.05, 0),
    "cold-2": Way(0.02, 0),
}
JUDGED = WAYS["warm-5"]


@dataclass(frozen=True, slots=True)
class Streamed:
    """One stream at one price. Gains are sums over prompts, in quality; the relative ones are of its last 30 %.

    ``relative_quality`` and ``saved`` are against the best single model, ``relative_worth`` against the best fixed
    model in hindsight, which is the share by which the worth of what was served is above it.
    """

    price: float
    gain: float
    oracle_gain: float
    last_gain: float
    last_oracle_gain: float
    relative_quality: float
    saved: float
    relative_worth: float
    least_propensity: float


@dataclass(frozen=True, slots=True)
class Summed:
    """The streams of one way over the prices of one grid."""

    way: str
    grid: str
    streams: tuple[Streamed, ...]

    @property
    def gain(self) -> float:
        return sum(each.gain for each in self.streams) / sum(each.oracle_gain for each in self.streams)

    @property
    def last_gain(self) -> float:
        return sum(each.last_gain for each in self.streams) / sum(each.last_oracle_gain for each in self.streams)

    def mean(self, name: str) -> float:
        """Return the mean over all streams of one of their figures."""
        return float(np.mean([getattr(each, name) for each in self.streams]))

    @property
    def worst_worth(self) -> float:
        return min(each.relative_worth for each in self.streams)


def measure(
    read: Read,
    planned: Sequence[tuple[Way, str]],
    seeds: Sequence[int],
    *,
    trainer: Callable[[], Trainer],
    say: Callable[[str], None],
) -> Iterator[Summed]:
    """Run every planned way at every price of its grid and for every seed, each stream with a trainer of its own."""
    for way, grid in planned:
        if way.warm_start > LARGEST_WARM_SHARE * len(read.pool.texts):
            say(f"{read.pool.name}: too small for {way.name}")
            continue
        asked = [(seed, price) for seed in seeds for price in prices(read.pool, grid)]
        streams = []
        for number, (seed, price) in enumerate(asked, start=1):
            say(f"{read.pool.name}: {way.name}, {grid} prices, stream {number} of {len(asked)}")
            streams.append(stream(read, way, price, seed, trainer()))
        yield Summed(way.name, grid, tuple(streams))


def prices(pool: Pool, grid: str) -> list[float]:
    """Return the prices of a grid, in quality a unit of cost."""
    cost, quality = pool.cost.mean(axis=0), pool.quality.mean(axis=0)
    if grid == UNIFORM:
        return [fraction * float(np.ptp(quality) / np.ptp(cost)) for fraction in _FRACTIONS]
    fixed = curves.hull(cost, quality)
    slopes = np.diff(fixed.quality) / np.diff(fixed.cost)
    return [factor * slope for slope in slopes.tolist() for factor in (0.5, 1.0, 2.0)]


def stream(read: Read, way: Way, price: float, seed: int, train: Trainer) -> Streamed:
    """Serve all prompts but those of the warm start in random order, and sum up."""
    order = np.random.default_rng(seed).permutation(len(read.pool.texts))
    observed = np.zeros(read.pool.quality.shape, dtype=bool)
    observed[order[: way.warm_start]] = True
    asked = order[way.warm_start :]
    cuts = np.linspace(0, len(asked), PARTS + 1).astype(int)
    served, propensity = np.empty(len(asked), dtype=np.int64), np.empty(len(asked))
    learned: product.Learned | None = None
    for part, (begin, end) in enumerate(pairwise(cuts)):
        learned = _learned(read, observed, seed, train) or learned
        document = policy.document(exploration_share=way.exploration_share, usd_per_quality=1.0 / price)
        followed = product.learned_policy(learned, document, version=part + 1)
        rows = asked[begin:end]
        served[begin:end], propensity[begin:end] = _serve(read, followed, learned, rows, seed)
        observed[rows, served[begin:end]] = True
    return _summed_up(read.pool, asked, served, int(cuts[FIRST_LAST_PART]), price, float(propensity.min()))


def _learned(read: Read, observed: BoolArray, seed: int, train: Trainer) -> product.Learned | None:
    rows = np.flatnonzero(observed.any(axis=1))
    try:
        return product.learn(read, rows, observed, seed, train)
    except NotEnoughEvidence:
        return None


def _serve(
    read: Read, followed: RoutingPolicy, learned: product.Learned | None, rows: IntArray, seed: int
) -> tuple[IntArray, FloatArray]:
    """Return the model served to each prompt, and the probability with which it was."""
    strategy = strategies.get("learning")
    decisions = [
        strategy.decide(
            strategies.Situation(
                read.features[row],
                options,
                Controls(),
                policy=followed,
                draw=exploration.draw_of(f"{seed}-{row}", followed.version),
                forecasts=forecasts,
            )
        )
        for row, (options, forecasts) in zip(rows, product.options(read, learned, rows), strict=True)
    ]
    return (
        np.array([product.index_of(decision) for decision in decisions], dtype=np.int64),
        np.array([decision.propensity for decision in decisions]),
    )


def _summed_up(
    pool: Pool, asked: IntArray, served: IntArray, first_last: int, price: float, least_propensity: float
) -> Streamed:
    quality, cost = pool.quality[asked], pool.cost[asked]
    worth = quality - price * cost
    fixed = int(np.argmax(worth.mean(axis=0)))
    rows, last = np.arange(len(asked)), slice(first_last, None)
    gain = worth[rows, served] - worth[:, fixed]
    oracle_gain = worth.max(axis=1) - worth[:, fixed]
    best = pool.best_model
    fixed_worth = float(worth[last, fixed].mean())
    return Streamed(
        price=price,
        gain=float(gain.sum()),
        oracle_gain=float(oracle_gain.sum()),
        last_gain=float(gain[last].sum()),
        last_oracle_gain=float(oracle_gain[last].sum()),
        relative_quality=float(quality[rows, served][last].mean() / quality[last, best].mean()),
        saved=float(1 - cost[rows, served][last].mean() / cost[last, best].mean()),
        relative_worth=float(gain[last].mean()) / abs(fixed_worth) if fixed_worth else float("nan"),
        least_propensity=least_propensity,
    )
