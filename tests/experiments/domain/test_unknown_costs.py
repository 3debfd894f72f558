"""A request whose cost is unknown is not a free one."""

import numpy as np
import pytest

from experiments.domain.units import ArmData, UnitSums
from tests.experiments.domain.arms import constant, look, plan

ONES = np.ones(50)


def partly_priced(unknown: int, cost_usd: float = 0.0001) -> ArmData:
    """Return 50 units with one request each, the first of which have no known cost."""
    priced = np.where(np.arange(50) < unknown, 0.0, 1.0)
    return ArmData(ONES, priced * cost_usd, priced_requests=priced)


def test_cost_per_request_is_that_of_the_requests_with_a_cost() -> None:
    found = look(plan(sample_size=100), constant(50, 0.0002), partly_priced(25))

    assert found.arms["test"].cost_per_request_usd == pytest.approx(0.0001)
    assert found.arms["test"].requests == 50
    assert found.comparisons[0].change == pytest.approx(-0.5)


def test_nothing_is_decided_where_more_than_a_hundredth_of_an_arms_costs_is_unknown() -> None:
    found = look(plan(sample_size=100), constant(50, 0.0002), partly_priced(1))

    assert (found.decision.status, found.decision.reason_code) == ("insufficient_data", "costs_unknown")
    assert found.decision.explanation == (
        "Too early to judge: the cost of 2.0% of the requests in test is unknown, so give their models a price."
    )


def test_one_unknown_cost_in_a_hundred_is_borne() -> None:
    requests = np.full(50, 2.0)
    priced = np.array([1.0, *np.full(49, 2.0)])
    test = ArmData(requests, priced * 0.0001, priced_requests=priced)

    found = look(plan(sample_size=150), constant(50, 0.0002), test)

    assert (found.decision.status, found.decision.winner) == ("winner", "test")


def test_arm_without_any_known_cost_has_none() -> None:
    found = look(plan(sample_size=100), constant(50, 0.0002), partly_priced(50))

    assert (found.decision.reason_code, found.p_value) == ("costs_unknown", None)
    assert found.arms["test"].cost_per_request_usd is None


def test_sums_leave_out_the_reference_of_what_has_no_cost() -> None:
    sums = UnitSums()
    sums.add("a", cost_usd=None, reference_cost_usd=0.5)
    sums.add("a", cost_usd=0.1, reference_cost_usd=0.3)
    arm = sums.arm()

    assert (list(arm.requests), list(arm.priced_requests or ())) == ([2], [1])
    assert (list(arm.cost_usd), list(arm.reference_cost_usd or ())) == ([0.1], [0.3])


def test_more_known_costs_than_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="more priced requests than requests"):
        ArmData(ONES, ONES, priced_requests=ONES * 2)
