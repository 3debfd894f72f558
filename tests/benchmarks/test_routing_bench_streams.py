"""Streams of prompts where only the outcome of the served model is seen, with a trainer that takes means."""

import numpy as np
import pytest

from benchmarks.routing import bandit, product
from benchmarks.routing.bandit import BREAK_EVEN, UNIFORM, WAYS, Way
from benchmarks.routing.pools import Pool
from learning.domain.training_set import NotEnoughEvidence

PROMPTS = 200
# Even prompts are easy; hard ones are for the dear model.
TASKS = tuple("hard" if number % 2 else "easy" for number in range(PROMPTS))
QUALITY = {"easy": (0.9, 0.9), "hard": (0.1, 0.9)}
POOL = Pool(
    name="made",
    texts=tuple(f"A {task} question, number {number}" for number, task in enumerate(TASKS)),
    tasks=TASKS,
    model_names=("cheap", "dear"),
    quality=np.array([QUALITY[task] for task in TASKS]),
    cost=np.tile([0.0, 1.0], (PROMPTS, 1)),
    cost_unit="calls",
    groups=np.arange(PROMPTS),
)


class Unsure:
    """Knows the quality of each model on each task that it has seen, 0.5 else, and is never sure of it."""

    encoder = "none"
    model_names = ("pool/cheap", "pool/dear")

    def __init__(self, rows, observed):
        self.seen = {
            task: np.array([[POOL.tasks[row] == task and observed[row, model] for model in (0, 1)] for row in rows])
            for task in QUALITY
        }

    def forecast(self, vector, *, text, task, pattern):
        raise NotImplementedError

    def forecast_many(self, vectors, *, texts, tasks, patterns):
        counts = np.array([self.seen[task].sum(axis=0) for task in tasks])
        means = np.where(counts > 0, np.array([QUALITY[task] for task in tasks]), 0.5)
        return means, np.full(means.shape, 2.0)


def trained(read, rows, observed, seed):
    if not len(rows):
        raise NotEnoughEvidence("nothing was seen")
    return Unsure(rows, observed)


@pytest.fixture(scope="module")
def read():
    return product.read(POOL)


def test_break_even_prices_are_the_slope_of_the_fixed_models_and_around_it() -> None:
    # From 0.5 to 0.9 for one call: 0.4, half of it, twice of it.
    assert bandit.prices(POOL, BREAK_EVEN) == pytest.approx([0.2, 0.4, 0.8])


def test_uniform_prices_are_shares_of_the_range() -> None:
    assert bandit.prices(POOL, UNIFORM) == pytest.approx([0.012, 0.04, 0.12, 0.4])


def test_after_a_warm_start_the_stream_is_served_as_the_oracle_would_but_for_exploration(read) -> None:
    # At 0.4 a call the dear model is worth 0.5 on every prompt, the cheap one 0.9 on easy and 0.1 on hard ones.
    found = bandit.stream(read, Way(0.0, 60), price=0.4, seed=1, train=trained)

    # Of the 140 prompts left, the oracle gains 0.4 on those that the best fixed model does not suit.
    assert found.gain == pytest.approx(found.oracle_gain)
    assert found.relative_quality == pytest.approx(1.0)
    assert found.least_propensity == 1.0


def test_a_choice_that_was_explored_had_the_odds_of_exploring(read) -> None:
    # At 0.05 a call the dear model could be worth 0.95 on easy prompts, where the cheap one is worth 0.9.
    found = bandit.stream(read, Way(0.05, 20), price=0.05, seed=1, train=trained)

    assert found.least_propensity == pytest.approx(0.05)


def test_a_cold_stream_begins_with_the_rule_for_what_is_not_known(read) -> None:
    cold = bandit.stream(read, Way(0.05, 0), price=0.4, seed=1, train=trained)
    warm = bandit.stream(read, Way(0.05, 60), price=0.4, seed=1, train=trained)

    # The same prompts in the same order, ten in a hundred of them served without knowing anything.
    assert cold.gain / cold.oracle_gain < warm.gain / warm.oracle_gain


def test_ways_that_would_spend_a_pool_on_its_warm_start_are_left_out(read) -> None:
    said: list[str] = []

    found = list(bandit.measure(read, [(WAYS["warm-5"], BREAK_EVEN)], [1], trainer=lambda: trained, say=said.append))

    assert found == []
    assert said == ["made: too small for 300 prompts warm, 5 % exploration"]
