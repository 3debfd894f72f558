from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain.candidates import expected_cost, output_allowance, worst_case_cost
from routing.domain.pricing import NANO_USD, PriceSchedule, PriceTier, cost_usd
from routing.domain.usage import Usage
from tests.routing.domain.specs import features, model, price, schedules, usages


@pytest.mark.parametrize(
    ("max_output_tokens", "cost"),
    [
        # 1,000 x 1 + 300 x 2 millionths: an answer is typically 300 tokens long.
        (None, "0.0016"),
        (4_000, "0.0016"),
        # 1,000 x 1 + 100 x 2.
        (100, "0.0012"),
    ],
)
def test_expected_cost_assumes_a_typical_answer_within_the_limit(max_output_tokens: int | None, cost: str) -> None:
    assert expected_cost(model(), features(max_output_tokens=max_output_tokens)) == Decimal(cost)


def test_expected_cost_counts_input_as_the_models_family_does() -> None:
    # 1,000 tokens and 35 percent: 1,350 x 1 + 300 x 2.
    assert expected_cost(model("claude/claude-haiku"), features()) == Decimal("0.00195")


def test_unpriced_model_has_no_cost_rather_than_none_at_all() -> None:
    unpriced = model(price=None)
    assert expected_cost(unpriced, features()) is None
    assert worst_case_cost(unpriced, input_tokens=10, max_output_tokens=10) is None


@pytest.mark.parametrize(
    ("model_limit", "request_limit", "choices", "allowance"),
    [(8_192, None, 1, 8_192), (None, None, 1, 4_096), (8_192, 100, 1, 100), (8_192, 100, 3, 300), (100, 200, 1, 200)],
)
def test_answer_may_take_what_the_request_else_the_model_allows(
    model_limit: int | None, request_limit: int | None, choices: int, allowance: int
) -> None:
    spec = model(max_output_tokens=model_limit)
    assert output_allowance(spec, request_limit, choices=choices) == allowance


@pytest.mark.parametrize(
    ("schedule", "cost"),
    [
        # 1,000 x 1 + 500 x 2.
        (price(), "0.002"),
        # Every input token written to the cache, every output token reasoning: 1,000 x 1.25 + 500 x 4, and the fee.
        (
            price(
                cached_input_usd_per_mtok=Decimal("0.1"),
                cache_write_usd_per_mtok=Decimal("1.25"),
                reasoning_usd_per_mtok=Decimal(4),
                request_usd=Decimal("0.01"),
            ),
            "0.01325",
        ),
        # The tier is within reach and dearer: 1,000 x 3 + 500 x 6.
        (price(tiers=(PriceTier(1_000, Decimal(3), Decimal(6)),)), "0.006"),
        # The tier is out of reach.
        (price(tiers=(PriceTier(1_001, Decimal(3), Decimal(6)),)), "0.002"),
        # The tier is cheaper, but 999 tokens of input would not reach it.
        (price(tiers=(PriceTier(1_000, Decimal("0.5"), Decimal(1)),)), "0.002"),
        # A fraction of a nano-dollar is rounded up: 1,000 x 0.0000001 + 0.
        (price("0.0000001", "0"), "0.000000001"),
    ],
)
def test_worst_case_is_the_dearest_way_to_bill_the_tokens(schedule: PriceSchedule, cost: str) -> None:
    assert worst_case_cost(model(price=schedule), input_tokens=1_000, max_output_tokens=500) == Decimal(cost)


def test_worst_case_bills_the_output_of_every_choice() -> None:
    # 1,000 x 1 + 3 x 500 x 2.
    assert worst_case_cost(model(), input_tokens=1_000, max_output_tokens=500, choices=3) == Decimal("0.004")


@given(schedules(), usages(), st.integers(0, 1_000), st.integers(0, 1_000))
def test_no_usage_within_the_counts_costs_more_than_the_worst_case(
    schedule: PriceSchedule, usage: Usage, spare_input: int, spare_output: int
) -> None:
    worst = worst_case_cost(
        model(price=schedule),
        input_tokens=usage.input_tokens + spare_input,
        # A limit of zero is none at all to the providers.
        max_output_tokens=max(1, usage.output_tokens + spare_output),
    )
    assert worst is not None
    assert worst >= cost_usd(usage, schedule)


@given(schedules(tiers=False), st.integers(0, 10**7), st.integers(1, 10**7))
def test_worst_case_is_reached_where_only_plain_tokens_have_a_price(
    schedule: PriceSchedule, input_tokens: int, output_tokens: int
) -> None:
    plain = PriceSchedule(schedule.input_usd_per_mtok, schedule.output_usd_per_mtok, request_usd=schedule.request_usd)
    worst = worst_case_cost(model(price=plain), input_tokens=input_tokens, max_output_tokens=output_tokens)
    assert worst is not None
    assert worst - cost_usd(Usage(input_tokens, output_tokens), plain) <= NANO_USD
