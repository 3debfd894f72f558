"""The costs of a pool are taken apart into prices, which a gateway knows, and lengths of answers, which it learns."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.routing import prices, product
from benchmarks.routing.pools import Pool
from routing.domain.costs import TYPICAL_OUTPUT_TOKENS

PROMPTS = 120
RNG = np.random.default_rng(5)
TASKS = tuple("long" if number % 2 else "short" for number in range(PROMPTS))
SENT = RNG.integers(10, 500, PROMPTS).astype(float)
ANSWERED = np.where(np.array(TASKS) == "long", 400.0, 100.0)[:, None] * RNG.uniform(0.9, 1.1, (PROMPTS, 2))
# Dollars a token, sent and answered.
CHEAP, DEAR = (1e-7, 4e-7), (2e-6, 1e-5)
COST = np.stack(
    [SENT * sent + ANSWERED[:, model] * answered for model, (sent, answered) in enumerate((CHEAP, DEAR))], 1
)
POOL = Pool(
    name="made",
    texts=tuple("word " * int(count) for count in SENT),
    tasks=TASKS,
    model_names=("cheap", "dear"),
    quality=np.ones((PROMPTS, 2)),
    cost=COST,
    cost_unit="USD",
    groups=np.arange(PROMPTS),
)
BOTH = np.stack([SENT, SENT], axis=1)


def rates(priced):
    return [
        (float(each.input_usd_per_mtok), float(each.output_usd_per_mtok), float(each.request_usd))
        for each in priced.schedules
    ]


def test_stated_tokens_tell_the_prices() -> None:
    stated = replace(POOL, tokens=np.stack([BOTH, ANSWERED], axis=2))

    found = prices.of(stated, prompt_tokens=BOTH)

    assert rates(found) == [pytest.approx((0.1, 0.4, 0)), pytest.approx((2, 10, 0))]
    assert found.answer_tokens is not None
    assert found.answer_tokens.tolist() == ANSWERED.tolist()


def test_without_tokens_a_prompt_costs_what_costs_rise_with_it_within_a_category() -> None:
    found = prices.of(POOL, prompt_tokens=BOTH)

    assert [sent for sent, _, _ in rates(found)] == [pytest.approx(0.1, rel=0.1), pytest.approx(2, rel=0.1)]
    assert found.answer_tokens is not None
    # Prompt and answer together cost what they did; an answer has the usual length on average.
    again = BOTH * [each[0] / 1e6 for each in rates(found)] + found.answer_tokens * [e[1] / 1e6 for e in rates(found)]
    assert again == pytest.approx(COST, rel=1e-6)
    assert found.answer_tokens.mean(axis=0) == pytest.approx([TYPICAL_OUTPUT_TOKENS] * 2)


def test_a_model_whose_costs_fall_with_the_prompt_has_prompts_for_nothing() -> None:
    found = prices.of(replace(POOL, cost=np.stack([1000 - SENT, SENT], axis=1)), prompt_tokens=BOTH)

    assert rates(found)[0][0] == 0


def test_a_model_that_costs_nothing_has_no_price() -> None:
    found = prices.of(replace(POOL, cost=COST * [0, 1]), prompt_tokens=BOTH)

    assert rates(found)[0] == (0, 0, 0)


def test_a_call_of_a_pair_costs_one_whatever_is_asked() -> None:
    pair = replace(POOL, cost=np.tile([0.0, 1.0], (PROMPTS, 1)), cost_unit="calls")

    found = prices.of(pair, prompt_tokens=BOTH)

    assert rates(found) == [(0, 0, 0), (0, 0, 1)]
    assert found.answer_tokens is None


def test_prompts_are_expected_to_cost_what_they_do_by_their_length_and_category() -> None:
    read = product.read(POOL)
    learned = product.lengths(read, np.arange(100), np.ones((PROMPTS, 2), dtype=bool))

    expected = [
        float(option.expected_cost_usd or 0)
        for row in range(100, PROMPTS)
        for option in product.open_models(read, row, learned)
    ]

    # Answers differ by up to 10 % from those of their category.
    assert np.array(expected).reshape(-1, 2) == pytest.approx(COST[100:], rel=0.2)


def test_only_what_was_observed_tells_lengths() -> None:
    observed = np.zeros((PROMPTS, 2), dtype=bool)
    observed[:40, 0] = True
    read = product.read(POOL)

    learned = product.lengths(read, np.arange(40), observed)

    assert learned is not None
    assert set(learned.tasks) == {"long", "short"}
    assert set(learned.overall.models) == {read.model_names[0]}
