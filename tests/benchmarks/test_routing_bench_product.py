"""The benchmark reads, trains and decides with the product's code; here once all the way, on a pool without noise."""

from decimal import Decimal

import numpy as np
import pytest

from benchmarks.routing import product
from benchmarks.routing.pools import Pool
from routing.domain import strategies
from routing.domain.pricing import PriceSchedule
from routing.domain.quality_predictor import LOWER_BOUND_DEVIATIONS

PROMPTS = 60
FREE = PriceSchedule(Decimal(0), Decimal(0))
TASKS = tuple("hard" if number % 2 else "easy" for number in range(PROMPTS))
QUALITY = {"easy": (0.9, 0.9), "hard": (0.1, 0.9)}
POOL = Pool(
    name="made",
    texts=tuple(f"A {task} question, number {number}" for number, task in enumerate(TASKS)),
    tasks=TASKS,
    model_names=("vendor/cheap", "dear"),
    quality=np.array([QUALITY[task] for task in TASKS]),
    cost=np.tile([0.001, 0.01], (PROMPTS, 1)),
    cost_unit="USD",
    groups=np.arange(PROMPTS),
)


@pytest.fixture(scope="module")
def read():
    return product.read(POOL)


def tiers(names):
    return [model.tier for model in product.catalog(names, [FREE] * len(names))]


def test_models_are_spread_over_the_tiers_by_the_rank_of_their_price() -> None:
    assert tiers("ab") == ["simple", "complex"]
    assert tiers("abc") == ["simple", "moderate", "complex"]
    assert tiers("abcdefghi") == [
        *["simple"] * 3,
        *["moderate"] * 3,
        *["complex"] * 3,
    ]


def test_models_keep_their_vendor_and_their_place(read) -> None:
    assert read.model_names == ("vendor/cheap", "pool/dear")
    assert [model.id for model in read.models] == [0, 1]


def test_the_category_of_a_prompt_is_the_callers_task(read) -> None:
    assert [features.task for features in read.features[:2]] == ["easy", "hard"]
    assert read.vectors.shape[0] == PROMPTS


def test_what_is_trained_forecasts_as_the_gateway_would_read_it(read) -> None:
    rows = np.arange(50)
    known = product.train(read, rows, np.ones((PROMPTS, 2), dtype=bool), 1)

    expected = product.expected(read, known, np.arange(50, PROMPTS))
    lengths = product.lengths(read, rows, np.ones((PROMPTS, 2), dtype=bool))

    assert expected.quality[0].tolist() == pytest.approx([0.9, 0.9], abs=0.1)
    assert expected.quality[1].tolist() == pytest.approx([0.1, 0.9], abs=0.1)
    costs = [float(option.expected_cost_usd or 0) for option in product.open_models(read, 50, lengths)]
    assert costs == pytest.approx([0.001, 0.01], rel=0.01)
    single = known.forecast(read.vectors[51], text=POOL.texts[51], task="hard", pattern=read.patterns[51])
    many = expected.forecasts(1, read.model_names)
    assert [(many[name].mean, many[name].lower) for name in many] == [
        pytest.approx((single[name].mean, single[name].lower), abs=1e-5) for name in many
    ]


def test_a_lower_bound_is_never_below_zero() -> None:
    expected = product.Expected(np.array([[0.1, 0.5]]), np.array([[0.9, 0.2]]))

    found = expected.forecasts(0, ("a", "b"))

    assert found["a"].lower == 0.0
    assert found["b"].lower == pytest.approx(0.5 - LOWER_BOUND_DEVIATIONS * 0.2)


def test_before_anything_is_learned_the_complexity_strategy_chooses(read) -> None:
    served = product.without_policy(read, strategies.COMPLEXITY)

    # All of these prompts are simple ones.
    assert set(served.tolist()) == {0}


def test_retraining_on_hardly_more_evidence_takes_over_what_was_searched_for(read) -> None:
    retrainer = product.Retrainer()
    first = retrainer(read, np.arange(40), np.ones((PROMPTS, 2), dtype=bool), 1)
    second = retrainer(read, np.arange(50), np.ones((PROMPTS, 2), dtype=bool), 1)

    # One task is hard for the cheap model, whichever way it was learned.
    for known in (first, second):
        expected = product.expected(read, known, np.arange(50, PROMPTS)).quality
        assert expected[0].tolist() == pytest.approx([0.9, 0.9], abs=0.1)
        assert expected[1].tolist() == pytest.approx([0.1, 0.9], abs=0.1)
