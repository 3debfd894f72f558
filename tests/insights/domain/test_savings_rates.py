"""What sums of tokens cost: exact, and the same as the ledger's own pricing."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from insights.domain.savings import rates
from insights.domain.savings.rates import Tokens
from insights.domain.usage_logs.record import FEMTO_PER_NANO, FEMTO_PER_USD
from routing.domain import pricing
from routing.domain.pricing import PriceSchedule, PriceTier
from routing.domain.usage import Usage

RATE = st.decimals(0, 1000, places=6)
PRICE = st.builds(
    PriceSchedule,
    RATE,
    RATE,
    cached_input_usd_per_mtok=st.none() | RATE,
    cache_write_usd_per_mtok=st.none() | RATE,
    reasoning_usd_per_mtok=st.none() | RATE,
    request_usd=st.decimals(0, 1, places=9),
    tiers=st.lists(
        st.builds(PriceTier, st.just(1_000), RATE, RATE, st.none() | RATE, st.none() | RATE), max_size=1
    ).map(tuple),
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    sent, generated = draw(st.integers(0, 2_000)), draw(st.integers(0, 2_000))
    cached = draw(st.integers(0, sent))
    return Usage(sent, generated, cached, draw(st.integers(0, sent - cached)), draw(st.integers(0, generated)))


def tokens(usage: Usage) -> Tokens:
    return Tokens(
        1,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )


@settings(max_examples=40)
@given(usages(), PRICE)
def test_one_request_costs_what_the_ledger_would_write(usage: Usage, price: PriceSchedule) -> None:
    femto = rates.ladder(price).at(usage.input_tokens).cost(tokens(usage))

    nano_half_up = (2 * femto + FEMTO_PER_NANO) // (2 * FEMTO_PER_NANO)
    assert nano_half_up == pricing.to_nano_usd(pricing.cost_usd(usage, price))


@settings(max_examples=40)
@given(st.lists(usages(), max_size=20), PRICE)
def test_the_sum_of_many_is_the_sum_of_each_without_any_rounding(found: Sequence[Usage], price: PriceSchedule) -> None:
    ladder = rates.ladder(price)
    together = Tokens()
    for usage in found:
        together.add(tokens(usage))

    assert ladder.at(0).cost(together) == sum(ladder.at(0).cost(tokens(usage)) for usage in found)


def test_sums_that_no_float_could_hold_are_exact() -> None:
    ladder = rates.ladder(PriceSchedule(Decimal("0.000001"), Decimal("99999999.999999")))
    used = Tokens(requests=1, input=10**15 + 1, output=10**15)

    # 10^-6 dollars a million tokens are 10^-12 dollars a token.
    expected = Fraction(10**15 + 1, 10**12) + Fraction(99999999999999, 10**12) * 10**15
    assert Fraction(ladder.at(0).cost(used), FEMTO_PER_USD) == expected


def test_long_inputs_have_their_own_rates_from_their_first_token_on() -> None:
    tier = PriceTier(200_001, Decimal(6), Decimal(22))
    ladder = rates.ladder(PriceSchedule(Decimal(3), Decimal(15), tiers=(tier,)))

    # 200,000 x 3 = 600,000 and 200,001 x 6 = 1,200,006 dollars per million tokens.
    assert ladder.at(200_000).cost(Tokens(1, 200_000)) == 600_000 * 10**9
    assert ladder.at(200_001).cost(Tokens(1, 200_001)) == 1_200_006 * 10**9
    assert rates.thresholds([ladder]) == (200_001,)


def test_parts_without_a_rate_are_billed_as_the_whole() -> None:
    ladder = rates.ladder(PriceSchedule(Decimal(2), Decimal(8)))

    # (100 input, 40 of them cached and 10 written) x 2 + (50 output, 20 of them reasoning) x 8 = 600 per million.
    assert ladder.at(0).cost(Tokens(1, 100, 50, 40, 10, 20)) == 600 * 10**9
