"""Routers over a pool of four prompts and two models, scored by hand."""

import numpy as np
import pytest

from benchmarks.routing import baselines, scores, sweeps
from benchmarks.routing.pools import Pool
from benchmarks.routing.sweeps import Sweep

# The dear model answers three prompts of four, the cheap one the first only.
POOL = Pool(
    name="made",
    texts=("one", "two", "three", "four"),
    tasks=("easy", "hard", "hard", "easy"),
    model_names=("cheap", "dear"),
    quality=np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]),
    cost=np.tile([0.0, 1.0], (4, 1)),
    cost_unit="calls",
    groups=np.arange(4),
)
EQUAL = np.full((1, 4), 0.25)
# At each draw the same weights, so that every interval is its value.
THRICE = np.repeat(EQUAL, 3, axis=0)


def served(*rows):
    return np.array(rows, dtype=np.int16)


def test_a_sweep_has_the_mean_cost_and_quality_of_what_it_serves() -> None:
    cost, quality = Sweep("some", served([0, 0, 0, 0], [0, 1, 0, 1])).points(POOL, EQUAL)

    assert cost.tolist() == [[0.0, 0.5]]
    assert quality.tolist() == [[0.25, 0.5]]


def test_the_oracle_asks_the_dear_model_only_where_it_helps() -> None:
    assert sweeps.oracle(POOL).served[0].tolist() == [0, 1, 1, 0]


def test_valuing_moves_from_the_best_to_the_cheapest_as_the_price_rises() -> None:
    found = sweeps.by_value("some", POOL, POOL.quality, POOL.cost)

    assert found.served[-1].tolist() == [0, 0, 0, 0]
    assert (np.diff(found.points(POOL, EQUAL)[0][0]) <= 0).all()


def test_shuffling_keeps_how_often_each_model_serves() -> None:
    swept = Sweep("some", served([0, 1, 1, 0], [0, 1, 0, 0]))

    assert sweeps.shuffled("shuffled", swept, seed=1).served.sum(axis=1).tolist() == [2, 1]


def test_figures_of_a_router_between_two_models() -> None:
    # One call of four, to the second prompt: cost 0.25, quality 0.5. Hull: (0, 0.25), (0.25, 0.5), (1, 0.75).
    # Area: 0.25 * 0.375 + 0.75 * 0.625 = 0.5625. Mix: (0.25 + 0.75) / 2 = 0.5.
    # Oracle, half of the calls: 0.5 * 0.5 + 0.5 * 0.75 = 0.625. Closed: 0.0625 / 0.125 = 0.5.
    # APGR: PGR is 0.5 at a quarter: 0.25 * 0.25 + 0.75 * 0.75 = 0.625. CPT(80): 0.25 + 0.75 * 0.3 / 0.5 = 0.7.
    router = Sweep("some", served([0, 1, 0, 0], [1, 1, 1, 1]))

    found = scores.score(POOL, [router], sweeps.oracle(POOL), THRICE)[0].figures

    assert found["area"].value == pytest.approx(0.5)
    assert found["saved_100"].value == pytest.approx(0.0)
    # 98 % of 0.75 is 0.735: 0.25 + 0.75 * (0.735 - 0.5) / 0.25 = 0.955.
    assert found["saved_98"].value == pytest.approx(0.045)
    assert found["apgr"].value == pytest.approx(0.625)
    assert found["cpt_50"].value == pytest.approx(0.25)
    assert found["cpt_80"].value == pytest.approx(0.7)


def test_a_router_of_one_setting_is_scored_at_its_own_cost() -> None:
    # Cost 0.25, quality 0.5; there the mix has 0.25 + 0.25 * 0.5 = 0.375 and the oracle 0.5.
    found = scores.score(POOL, [Sweep("some", served([0, 1, 0, 0]))], sweeps.oracle(POOL), THRICE)[0].figures

    assert found["closed_at_its_cost"].value == pytest.approx(1.0)
    assert found["cost"].value == pytest.approx(0.25)
    assert found["quality"].value == pytest.approx(0.5 / 0.75)


def test_an_interval_spans_the_draws_and_not_the_value_itself() -> None:
    # Of two draws, one holds only the first prompt, which both models answer, the other only the second.
    rows = np.array([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])

    found = scores.score(POOL, [sweeps.always("cheap", 0, 4)], sweeps.oracle(POOL), rows)[0].figures["quality"]

    # The cheap model has all of the best one's quality on the first prompt, none of it on the second.
    assert (found.value, found.low, found.high) == pytest.approx((1 / 3, 0.025, 0.975))


def test_equal_prompts_are_drawn_together() -> None:
    rows = scores.weights(np.array([0, 0, 1, 2]), 50, seed=1)

    assert rows[0].tolist() == [0.25] * 4
    assert rows.sum(axis=1) == pytest.approx(1.0)
    assert (rows[:, 0] == rows[:, 1]).all()


def test_a_label_is_expected_to_do_as_it_did_in_the_other_folds() -> None:
    # Without the first prompt, all prompts have means of 0 and 2/3. Of "easy" the fourth is left, with 0 and 0.
    # Shrunken with the weight of ten prompts: (0 + 10 * 2/3) / 11 = 20/33.
    quality, cost = baselines.label_means(POOL, POOL.tasks, np.array([0, 1, 1, 1]), 2)

    assert quality[0].tolist() == pytest.approx([0.0, 20 / 33])
    assert cost[0].tolist() == [0.0, 1.0]


def test_a_label_that_was_never_seen_has_the_means_of_all() -> None:
    quality, _ = baselines.label_means(POOL, ("new", "x", "x", "x"), np.array([0, 1, 1, 1]), 2)

    assert quality[0].tolist() == pytest.approx([0.0, 2 / 3])
