from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain.pricing import NANO_USD, PriceSchedule, PriceTier, cost_usd, from_nano_usd, to_nano_usd
from routing.domain.usage import Usage
from tests.routing.domain.specs import price, schedules, usages

CACHING = price("3", "15", cached_input_usd_per_mtok=Decimal("0.30"), cache_write_usd_per_mtok=Decimal("3.75"))
TIERED = price("1", "10", tiers=(PriceTier(200_000, Decimal(2), Decimal(15)),))


@pytest.mark.parametrize(
    ("usage", "schedule", "cost"),
    [
        # 1,000 x 1 + 500 x 2 = 2,000 millionths.
        (Usage(1_000, 500), price(), "0.002"),
        # 600 x 3 + 300 x 0.30 + 100 x 3.75 + 50 x 15 = 3,015 millionths.
        (Usage(1_000, 50, cached_input_tokens=300, cache_write_tokens=100), CACHING, "0.003015"),
        # Cached tokens without a rate of their own cost what input costs.
        (Usage(1_000, 0, cached_input_tokens=1_000), price(), "0.001"),
        # 100 x 2 + 400 x 5 = 2,200 millionths.
        (Usage(0, 500, reasoning_tokens=400), price(reasoning_usd_per_mtok=Decimal(5)), "0.0022"),
        (Usage(0, 500, reasoning_tokens=400), price(), "0.001"),
        (Usage(0, 0), price(request_usd=Decimal("0.005")), "0.005"),
        # A tier applies to all tokens once its threshold is reached, and not a token before.
        (Usage(199_999, 10), TIERED, "0.200099"),
        (Usage(200_000, 10), TIERED, "0.40015"),
        # 0.0005 millionths: half a nano-dollar rounds up.
        (Usage(1, 0), price("0.0005"), "0.000000001"),
        (Usage(1, 0), price("0.00049"), "0"),
    ],
)
def test_exchange_costs_the_sum_of_its_tokens_at_their_rates(usage: Usage, schedule: PriceSchedule, cost: str) -> None:
    assert cost_usd(usage, schedule) == Decimal(cost)


@given(usages(), schedules(tiers=False))
def test_cost_is_exact_to_half_a_nano_dollar(usage: Usage, schedule: PriceSchedule) -> None:
    def rate(own: Decimal | None, default: Decimal) -> Fraction:
        return Fraction(default if own is None else own)

    input_rate, output_rate = schedule.input_usd_per_mtok, schedule.output_usd_per_mtok
    plain_input = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    millionths = (
        plain_input * Fraction(input_rate)
        + usage.cached_input_tokens * rate(schedule.cached_input_usd_per_mtok, input_rate)
        + usage.cache_write_tokens * rate(schedule.cache_write_usd_per_mtok, input_rate)
        + (usage.output_tokens - usage.reasoning_tokens) * Fraction(output_rate)
        + usage.reasoning_tokens * rate(schedule.reasoning_usd_per_mtok, output_rate)
    )
    exact = millionths / 1_000_000 + Fraction(schedule.request_usd)
    assert abs(Fraction(cost_usd(usage, schedule)) - exact) <= Fraction(NANO_USD) / 2


@pytest.mark.parametrize(
    "more",
    [
        {"input_tokens": 1},
        {"output_tokens": 1},
        {"input_tokens": 1, "cached_input_tokens": 1},
        {"input_tokens": 1, "cache_write_tokens": 1},
        {"output_tokens": 1, "reasoning_tokens": 1},
    ],
)
@given(usage=usages(), schedule=schedules(tiers=False), times=st.integers(1, 100_000))
def test_more_tokens_of_any_kind_never_cost_less(
    more: dict[str, int], usage: Usage, schedule: PriceSchedule, times: int
) -> None:
    counts: dict[str, Any] = {
        field: getattr(usage, field) + more.get(field, 0) * times
        for field in (
            "input_tokens",
            "output_tokens",
            "cached_input_tokens",
            "cache_write_tokens",
            "reasoning_tokens",
        )
    }
    assert cost_usd(Usage(**counts), schedule) >= cost_usd(usage, schedule)


@given(st.lists(st.integers(0, 10**18)))
def test_nano_dollars_add_up_exactly_in_either_unit(amounts: list[int]) -> None:
    assert to_nano_usd(sum((from_nano_usd(amount) for amount in amounts), Decimal(0))) == sum(amounts)
