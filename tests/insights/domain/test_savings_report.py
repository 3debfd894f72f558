"""What is compared and what is not, the bounds, and the sums of a report."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights.domain.savings import report
from insights.domain.savings.figures import Report, Scenario
from insights.domain.savings.tally import Reason, Selection
from insights.domain.usage_logs.record import Kind, LoggedUsage, PromptReading
from routing.domain.usage import Usage
from tests.insights.domain.savings_worlds import BIG, MIDDLE, NOON, PRICES, UNCLASSIFIED, book, price, row, tally


def of(*rows: LoggedUsage, **fields: Any) -> Report:
    return report.build(tally(*rows, **fields))


def scenario(found: Report, name: str) -> Scenario:
    return next(each for each in found.scenarios if each.name == name)


def test_the_same_tokens_are_priced_on_the_cheapest_model_of_each_bound() -> None:
    found = of(row("big"), row("big"))

    # Twice 1,000 in and 100 out. big: 2 x (1,000 x 10 + 100 x 40) / 10^6 = 0.028; other-big is half of it; other-middle
    # 2 x (1,000 + 400) / 10^6; small 2 x (100 + 40) / 10^6. No other model of openai is in the tier of big.
    assert found.compared.cost_usd == Decimal("0.028")
    assert {each.name: each.cost_usd for each in found.scenarios} == {
        "same_provider": Decimal("0.028"),
        "same_tier": Decimal("0.014"),
        "tier_below": Decimal("0.0028"),
        "cheapest": Decimal("0.00028"),
    }
    assert scenario(found, "same_tier").saved_usd == Decimal("0.014")
    assert scenario(found, "same_tier").saved_share == 0.5


def test_a_model_stays_where_nothing_of_its_bound_is_cheaper() -> None:
    [used] = of(row("small")).used

    assert (used.same_tier.to, used.tier_below.to, used.cheapest.to) == (None, None, None)
    assert used.same_tier.cost_usd == used.spent.cost_usd == Decimal("0.00014")


def test_requests_that_do_not_fit_another_model_stay_where_they_were() -> None:
    # middle holds 100,000 tokens: 99,000 + 100 fit, 100,000 + 100 do not, and 20,000 are a longer answer than it gives.
    fitting, too_long, too_much = (row("old", 99_000), row("old", 100_000), row("old", 1_000, 20_000))
    models = (BIG, MIDDLE, UNCLASSIFIED)
    found = of(fitting, too_long, too_much, prices=book(models=models))

    option = next(each for each in found.options if each.model == "openai/middle")
    # 99,000 x 2 + 100 x 8 = 198,800 on middle; 100,000 x 30 + 100 x 60 and 1,000 x 30 + 20,000 x 60 stay.
    assert option.cost_usd == Decimal("0.198800") + Decimal("3.006") + Decimal("1.23")
    assert option.moved_share == pytest.approx(1 / 3)


def test_a_model_without_a_tier_is_compared_in_the_highest() -> None:
    [used] = of(row("old")).used

    assert used.tier is None
    assert (used.same_tier.to, used.tier_below.to) == ("claude/other-big", "claude/other-middle")


def test_tokens_read_from_a_prompt_cache_have_their_rate_where_there_is_one() -> None:
    prices = book(price(1, "10", "40", cached="1"))
    found = of(row("big", 1_000, 100, cached=900), prices=prices)

    # 100 x 10 + 900 x 1 + 100 x 40 = 5,900; other-big has no rate for it: 1,000 x 5 + 100 x 20 = 7,000 is dearer.
    assert found.compared.cost_usd == Decimal("0.0059")
    assert found.used[0].same_tier.to is None


def test_each_row_has_the_prices_of_its_own_time() -> None:
    april = datetime(2026, 4, 1, tzinfo=UTC)
    later = price(4, "1", "1", begins=april)
    before, after = row("big", at=april - timedelta(seconds=1)), row("big", at=april)

    found = of(before, after, prices=book(later))

    # other-big: 0.007 until April, then (1,000 + 100) / 10^6 = 0.0011.
    assert scenario(found, "same_tier").cost_usd == Decimal("0.0081")
    assert [period.same_tier_usd for period in found.periods] == [Decimal("0.007"), Decimal("0.0011")]


def test_staffs_price_wins_over_another_of_the_same_time() -> None:
    by_staff, shipped = price(1, "1", "1", begins=NOON), price(1, "10", "40", rank=2)

    # The dated row of rank 0 in the small catalog itself is the older one.
    assert of(row("big"), prices=book(shipped, by_staff)).compared.cost_usd == Decimal("0.0011")


def test_a_row_that_adds_up_requests_is_priced_by_their_mean_length() -> None:
    # 50 requests of 20,000 tokens fit middle; one of a million would not.
    many, one = row("big", 1_000_000, 5_000, requests=50), row("big", 999_000, 500, requests=1)

    options = {each.model: each.moved_share for each in of(many, one).options}

    assert options["openai/middle"] == 0.5
    assert options["openai/small"] == 1.0


def test_the_baseline_is_what_savings_are_measured_against() -> None:
    found = report.build(tally(row("middle")), baseline=BIG)

    # 0.014 on big; 0.0028 was paid; other-middle would have cost 0.0014.
    assert (found.reference, found.reference_usd) == ("openai/big", Decimal("0.014"))
    assert scenario(found, "same_tier").saved_usd == Decimal("0.0126")


@pytest.mark.parametrize(
    ("usage", "reason", "name"),
    [
        (row("big", kind=Kind.FAILED, detail="acompletion"), Reason.FAILED, "big"),
        (row("big", kind=Kind.OTHER, detail="aembedding"), Reason.OTHER_CALL, "aembedding"),
        (row("gpt-9", kind=Kind.MONEY_ONLY), Reason.MONEY_ONLY, "gpt-9"),
        (row("llama"), Reason.UNKNOWN_MODEL, "llama"),
        (row(""), Reason.UNKNOWN_MODEL, "(not named)"),
        (row("big", at=datetime(2019, 1, 1, tzinfo=UTC)), Reason.NO_PRICE, "big"),
        (row("big", service_tier="flex"), Reason.SERVICE_TIER, "flex"),
        (row("big", service_tier="batch"), Reason.SERVICE_TIER, "batch"),
    ],
)
def test_what_cannot_be_compared_is_counted_with_the_reason(usage: LoggedUsage, reason: str, name: str) -> None:
    found = of(usage)

    assert found.compared.rows == 0
    assert [(each.reason, each.name, each.spent.rows) for each in found.left_out] == [(reason, name, 1)]


def test_a_batch_is_priced_as_one_and_not_compared() -> None:
    [left_out] = of(row("big", service_tier="batch")).left_out

    # Half of 0.014.
    assert left_out.spent.cost_usd == Decimal("0.007")


def test_what_the_logs_own_cache_saved_is_told() -> None:
    found = of(row("big", kind=Kind.FROM_CACHE, cost_femto_usd=0), row("big", kind=Kind.FROM_CACHE))

    assert found.cached_value_usd == Decimal("0.028")


def test_rows_of_one_identity_count_once() -> None:
    found = of(row(identity="a"), row(identity="a", sent=5), row(identity="b"), row(), row())

    assert (found.compared.rows, found.duplicates) == (4, 1)


def test_only_what_was_asked_for_counts() -> None:
    day = timedelta(days=1)
    rows = [row(team="search", at=NOON + place * day) for place in range(4)] + [row(team="other", at=NOON + day)]

    found = of(*rows, selection=Selection(since=NOON + day, until=NOON + 3 * day, team="search"))

    assert (found.compared.rows, found.outside, found.days) == (2, 3, 2)


def test_log_and_price_book_are_held_against_each_other() -> None:
    # 0.014 dollars are 14 x 10^12 femto-dollars; 1 % of it is 140,000,000,000.
    agreed, dearer, cheaper = 14 * 10**12 + 10**11, 28 * 10**12, 7 * 10**12
    rows = [row(cost_femto_usd=cost) for cost in (14 * 10**12, agreed, dearer, cheaper, None)]

    agreement = of(*rows).agreement

    assert (agreement.rows, agreement.dearer_in_log, agreement.cheaper_in_log) == (4, 1, 1)
    assert agreement.logged_usd == Decimal("0.0631")
    assert agreement.cost_usd == Decimal("0.056")


def test_prompts_that_were_read_go_where_the_rule_would_send_them_dearer_or_not() -> None:
    easy = row("big", prompt=PromptReading("simple", "general"))
    hard = row("small", prompt=PromptReading("complex", "code"))

    by_prompt = of(easy, hard, row("big")).by_prompt

    assert by_prompt is not None
    assert (by_prompt.rows, by_prompt.rows_by_tier) == (2, {"simple": 1, "moderate": 0, "complex": 1})
    # easy on small 0.00014 instead of 0.014, hard on other-big 0.007 instead of 0.00014.
    assert (by_prompt.paid_usd, by_prompt.cost_usd) == (Decimal("0.01414"), Decimal("0.00714"))


def test_a_long_log_is_shown_by_month() -> None:
    rows = [row(at=NOON + timedelta(days=place)) for place in range(63)]

    # From the 4th of March: 28 days of it, 30 of April, 5 of May, 0.014 dollars each.
    assert [(period.label, period.paid_usd) for period in of(*rows).periods] == [
        ("2026-03", Decimal("0.392")),
        ("2026-04", Decimal("0.420")),
        ("2026-05", Decimal("0.070")),
    ]


def test_a_day_without_rows_is_shown_as_one() -> None:
    found = of(row(), row(at=NOON + timedelta(days=2)))

    assert [(period.label, period.paid_usd) for period in found.periods] == [
        ("2026-03-04", Decimal("0.014")),
        ("2026-03-05", Decimal(0)),
        ("2026-03-06", Decimal("0.014")),
    ]


def test_an_empty_log_has_an_empty_report() -> None:
    found = of()

    assert (found.compared.rows, found.days, found.periods, found.options) == (0, 0, (), ())
    assert scenario(found, "same_tier").saved_share == 0.0


def test_names_without_end_do_not_fill_the_memory() -> None:
    found = tally(*(row(f"model-{place}") for place in range(3_000)))

    assert len(found.left_out) <= 2_001
    assert sum(group.rows for group in found.left_out.values()) == 3_000
    assert len(report.build(found).left_out) <= 26


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(["big", "middle", "small", "old", "llama"]),
        st.integers(0, 2_000_000),
        st.integers(0, 200_000),
        at=st.integers(0, 364).map(lambda day: NOON + timedelta(days=day)),
        requests=st.integers(0, 30),
        cost_femto_usd=st.none() | st.integers(0, 10**18),
        kind=st.sampled_from([Kind.CHAT, Kind.CHAT, Kind.FAILED]),
    ),
    max_size=12,
)
IDS = {"big": 1, "middle": 2, "small": 3, "old": 6}


@settings(max_examples=30)
@given(ROWS)
def test_no_row_is_lost_and_no_dollar(rows: Sequence[LoggedUsage]) -> None:
    found = of(*rows)

    counted = found.compared.rows + sum(each.spent.rows for each in found.left_out)
    logged = [found.compared.logged_usd or 0, *(each.spent.logged_usd or 0 for each in found.left_out)]
    assert counted == len(rows)
    # Each part is rounded to a nano-dollar by itself.
    expected = Fraction(sum(each.cost_femto_usd or 0 for each in rows), 10**15)
    assert abs(sum(map(Fraction, logged)) - expected) <= Fraction(len(logged), 2 * 10**9)


@settings(max_examples=30)
@given(ROWS)
def test_what_was_paid_is_the_exact_sum_of_every_row(rows: Sequence[LoggedUsage]) -> None:
    chats = [each for each in rows if each.kind is Kind.CHAT and each.model in IDS]
    exact = sum((_cost(each.model, each.usage) for each in chats), Fraction(0))

    assert abs(Fraction(of(*rows).compared.cost_usd) - exact) <= Fraction(1, 2 * 10**9)


def _cost(model: str, usage: Usage) -> Fraction:
    sent, generated = PRICES[IDS[model]]
    return (usage.input_tokens * Fraction(sent) + usage.output_tokens * Fraction(generated)) / 10**6


@settings(max_examples=30)
@given(ROWS)
def test_wider_bounds_never_cost_more_and_none_costs_more_than_it_did(rows: Sequence[LoggedUsage]) -> None:
    found = of(*rows)
    costs = {each.name: each.cost_usd for each in found.scenarios}

    assert costs["cheapest"] <= costs["tier_below"] <= costs["same_tier"] <= costs["same_provider"]
    assert costs["same_provider"] <= found.compared.cost_usd
    assert sum(period.same_tier_usd for period in found.periods) == pytest.approx(
        costs["same_tier"], abs=Decimal("1e-7")
    )


@pytest.mark.parametrize(
    ("model", "alias", "provider", "found"),
    [
        ("openai/big", "", "", BIG),
        ("azure/eu/big", "", "azure", BIG),
        ("my-deployment", "big", "azure", BIG),
        ("big-2026-03-04", "", "openai", BIG),
        ("big-20260304", "", "", BIG),
        ("ft:big:acme::1", "", "openai", None),
        ("big", "", "groq", None),
        ("us.anthropic.other-big-20260304-v1:0", "", "bedrock", "claude/other-big"),
        ("vertex_ai/other-big@20260304", "", "vertex_ai", "claude/other-big"),
    ],
)
def test_a_log_may_name_a_model_in_its_own_way(model: str, alias: str, provider: str, found: Any) -> None:
    known = book().find(provider, model, alias)

    assert (known and known.full_name) == (found.full_name if found is BIG else found)
