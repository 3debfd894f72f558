"""Routers that learned from all outcomes of other prompts, on prompts that they have not seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.routing import baselines, product, scores, sweeps
from benchmarks.routing.pools import IntArray, Pool, folds
from benchmarks.routing.product import Read, Trainer
from benchmarks.routing.scores import Scored
from benchmarks.routing.sweeps import Sweep
from routing.domain import policy, strategies
from routing.domain.catalog import Candidate
from routing.domain.decision import Controls
from routing.domain.policy import Forecast
from routing.domain.prompt import PromptFeatures

PRODUCT = "predictor, by value"
PRODUCT_BY_TOLERANCE = "predictor, by tolerance"
CATEGORY_MEAN, PATTERN_MEAN, COMPLEXITY = "category mean", "keyword pattern mean", "complexity strategy"
BEST, CHEAPEST, SHUFFLE, MIX = "best single model", "cheapest model", "same models, prompts shuffled", "random mix"
_TOLERANCES = 40

Known = tuple[PromptFeatures, Sequence[Candidate], Mapping[str, Forecast]]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a pool is measured; everything random is drawn from ``seed``."""

    folds: int
    bootstrap: int
    seed: int


def measure(read: Read, settings: Settings, *, train: Trainer, say: Callable[[str], None]) -> list[Scored]:
    """Return the figures of every router on a pool."""
    pool = read.pool
    fold = folds(pool.groups, settings.folds, settings.seed)
    known = out_of_fold(read, fold, settings, train=train, say=say)
    say(f"{pool.name}: {settings.bootstrap} bootstrap draws")
    rows = scores.weights(pool.groups, settings.bootstrap, settings.seed)
    return scores.score(pool, routers(read, known, fold, settings), sweeps.oracle(pool), rows)


def out_of_fold(
    read: Read, fold: IntArray, settings: Settings, *, train: Trainer, say: Callable[[str], None]
) -> list[Known]:
    """Return what the product knows of every prompt, trained on all outcomes of the other folds."""
    everything = np.ones(read.pool.quality.shape, dtype=bool)
    found: dict[int, Known] = {}
    for number in range(settings.folds):
        say(f"{read.pool.name}: fold {number + 1} of {settings.folds}")
        learned = product.learn(read, np.flatnonzero(fold != number), everything, settings.seed, train)
        rows = np.flatnonzero(fold == number)
        for row, (options, forecasts) in zip(rows.tolist(), product.options(read, learned, rows), strict=True):
            found[row] = read.features[row], options, forecasts or {}
    return [found[row] for row in range(len(read.features))]


def routers(read: Read, known: Sequence[Known], fold: IntArray, settings: Settings) -> list[Sweep]:
    """Return all routers but the oracle, in the order of the report."""
    pool, seed = read.pool, settings.seed
    by_tolerance, by_value = product_rows(read, known)
    return [
        sweeps.always(BEST, pool.best_model, len(pool.texts)),
        sweeps.always(CHEAPEST, 0, len(pool.texts)),
        fixed_mix(pool),
        sweeps.shuffled(SHUFFLE, by_value, seed),
        Sweep(COMPLEXITY, product.without_policy(read, strategies.COMPLEXITY)[np.newaxis].astype(np.int16)),
        sweeps.by_value(PATTERN_MEAN, pool, *baselines.label_means(pool, read.patterns, fold, settings.folds)),
        sweeps.by_value(CATEGORY_MEAN, pool, *baselines.label_means(pool, pool.tasks, fold, settings.folds)),
        by_tolerance,
        by_value,
    ]


def fixed_mix(pool: Pool) -> Sweep:
    """Serve every model alone; the lines between them are random mixes."""
    models = np.arange(len(pool.model_names), dtype=np.int16)
    return Sweep(MIX, np.repeat(models[:, np.newaxis], len(pool.texts), axis=1))


def product_rows(read: Read, known: Sequence[Known]) -> list[Sweep]:
    """Let the product's strategy ``learning`` decide, by tolerance from 0 to 1 and by every price of quality."""
    by_tolerance = [_served(known, policy.document(tolerance=tolerance)) for tolerance in tolerances(known)]
    by_value = [
        _served(known, policy.document(usd_per_quality=1.0 / price)) for price in sweeps.prices(read.pool).tolist()
    ]
    return [
        Sweep(PRODUCT_BY_TOLERANCE, np.array(by_tolerance, dtype=np.int16)),
        Sweep(PRODUCT, np.array(by_value, dtype=np.int16)),
    ]


def tolerances(known: Sequence[Known]) -> list[float]:
    """Return tolerances where choices change: distances between a model's lower bound and the best model's mean."""
    gaps = [
        best - forecast.lower
        for _, _, forecasts in known
        for best in [max(forecast.mean for forecast in forecasts.values())]
        for forecast in forecasts.values()
    ]
    inner = np.quantile(np.clip(gaps, 0.0, 1.0), np.linspace(0.0, 1.0, _TOLERANCES))
    return [float(tolerance) for tolerance in np.unique(np.concatenate(([0.0], inner, [1.0])))]


def _served(known: Sequence[Known], document: Mapping[str, object]) -> IntArray:
    followed = product.learned_policy(None, document, version=1)
    situations = (
        strategies.Situation(features, candidates, Controls(), policy=followed, forecasts=forecasts)
        for features, candidates, forecasts in known
    )
    return product.served(situations, "learning")
