"""What was saved and what it cost."""

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights.domain import realized_saving, roi
from insights.domain.realized_saving import RealizedSaving, Spend
from insights.domain.roi import Assumptions, Followed, Inputs
from tests.insights.domain.windows import USD

TEN_DOLLARS = Spend(100, 10 * USD)


def test_what_untouched_traffic_did_is_not_counted_as_saved() -> None:
    saved = realized_saving.measure(
        before=TEN_DOLLARS, after=Spend(200, 8 * USD), untouched_before=TEN_DOLLARS, untouched_after=Spend(50, 6 * USD)
    )
    # $0.10 a request, times 0.12 / 0.10 for what happened to all, times 200 requests, less $8.
    assert (saved.nano_usd, saved.is_compared) == (16 * USD, True)
    assert "untouched traffic" in saved.assumption


def test_without_untouched_traffic_it_is_compared_with_before() -> None:
    saved = realized_saving.measure(
        before=TEN_DOLLARS, after=Spend(200, 8 * USD), untouched_before=Spend(29, USD), untouched_after=TEN_DOLLARS
    )
    assert (saved.nano_usd, saved.is_compared) == (12 * USD, False)
    assert "no untouched traffic" in saved.assumption


def test_a_change_that_made_requests_dearer_is_a_loss() -> None:
    saved = realized_saving.measure(
        before=TEN_DOLLARS, after=Spend(100, 13 * USD), untouched_before=TEN_DOLLARS, untouched_after=TEN_DOLLARS
    )
    assert saved.nano_usd == -3 * USD


def test_too_few_requests_tell_nothing() -> None:
    saved = realized_saving.measure(
        before=TEN_DOLLARS, after=Spend(29, USD), untouched_before=TEN_DOLLARS, untouched_after=TEN_DOLLARS
    )
    assert saved.nano_usd is None
    assert "30 requests are needed" in saved.assumption


FOLLOWED = (
    Followed("a", RealizedSaving(5 * USD, True, "as untouched traffic"), is_in_routing_savings=True),
    Followed("b", RealizedSaving(8 * USD, True, "as untouched traffic"), is_in_routing_savings=False),
    Followed("c", RealizedSaving(None, False, "too few"), is_in_routing_savings=False),
)


def test_savings_are_counted_once_and_time_is_a_cost() -> None:
    inputs = Inputs(15, 400 * USD, 100 * USD, 2 * USD, answers=6, changes_by_hand=1, followed=(*FOLLOWED, FOLLOWED[1]))
    found = roi.compute(inputs, Assumptions(product_nano_usd_per_month=20 * USD))
    # $100 of routing and $8 that routing's savings do not hold; those $5 are in them.
    assert (found.benefit_nano_usd, found.other_savings_nano_usd, found.realized_nano_usd) == (
        108 * USD,
        8 * USD,
        13 * USD,
    )
    # $20 x 15 / 30, 6 x 5 + 120 minutes at $60 an hour, and $2.
    assert (found.product_nano_usd, found.time_nano_usd, found.learning_nano_usd) == (10 * USD, 150 * USD, 2 * USD)
    assert found.ratio == pytest.approx((108 - 162) / 162)
    assert (found.net_nano_usd, found.monthly_net_nano_usd) == (-54 * USD, -108 * USD)
    assert found.unmeasured == 1


def test_every_assumption_is_returned() -> None:
    stated = {each.name: each for each in roi.compute(Inputs(7, 0, 0, followed=FOLLOWED)).assumptions}
    assert {field.name for field in fields(Assumptions)} <= stated.keys()
    assert {"days", "baseline", "no_double_counting", "realized_saving"} <= stated.keys()
    assert stated["hour_nano_usd"].value == 60 * USD
    assert all(each.text for each in stated.values())


def test_what_cost_nothing_has_no_ratio() -> None:
    assert roi.compute(Inputs(7, 0, USD)).ratio is None


def test_a_window_without_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a day at least"):
        roi.compute(Inputs(0, 0, 0))


@settings(max_examples=30)
@given(st.integers(1, 400), st.integers(-(10**12), 10**12), st.integers(0, 10**12), st.integers(0, 500))
def test_more_savings_never_make_it_worse(days: int, savings: int, more: int, answers: int) -> None:
    less = roi.compute(Inputs(days, 0, savings, answers=answers))
    greater = roi.compute(Inputs(days, 0, savings + more, answers=answers))
    assert greater.net_nano_usd - less.net_nano_usd == more
    assert greater.monthly_net_nano_usd >= less.monthly_net_nano_usd
    assert less.benefit_nano_usd - less.cost_nano_usd == less.net_nano_usd
