"""When an experiment may end by itself."""

from datetime import timedelta

import pytest

from experiments.domain import ending
from tests.experiments.domain.arms import constant, look, plan, varied


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (look(plan(sample_size=100), constant(50, 0.0002), constant(50, 0.0001)), "winner"),
        (look(plan(sample_size=2000), varied(100), varied(100, latency_ms=1600)), "guardrail_failed"),
        (look(plan(), constant(400, 0.0002), constant(250, 0.0001)), "srm_detected"),
        (look(plan(sample_size=100), constant(50, 0.0001), constant(50, 0.0001)), "no_difference"),
        (look(plan(), constant(100, 0.1), constant(100, 0.1), units_in_both_arms=3), "srm_detected"),
    ],
)
def test_what_waiting_cannot_change_is_over(found, status) -> None:
    assert found.decision.status == status
    assert ending.is_over(found)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (look(plan(), varied(100), varied(100, seed=2)), "cost_undecided"),
        (look(plan(), varied(60, quality=0.8), varied(60, 0.0005, quality=0.8, seed=2)), "guardrails_undecided"),
        (look(plan(sample_size=300), varied(15), varied(15, 0.0005)), "too_few_units"),
        (look(plan(), varied(100), varied(100, 0.0005), running_for=timedelta(hours=6)), "too_early"),
        # One of thirty is more than a hundredth, and may be an accident.
        (look(plan(), constant(15, 0.1), constant(15, 0.1), units_in_both_arms=1), "units_in_both_arms"),
    ],
)
def test_what_more_data_may_decide_goes_on(found, reason) -> None:
    assert found.decision.reason_code == reason
    assert not ending.is_over(found)
