"""The sums per unit that an analysis is made from, added up in the database."""

from datetime import timedelta

import numpy as np
import pytest

from experiments.selectors import arm_data
from experiments.services import collection
from routing.models import Exposure, LedgerEntry
from routing.services.exposure_collector import unit_hash
from tests import factories
from tests.experiments.settled_traffic import NOW, START, ask, begin, rate

pytestmark = pytest.mark.django_db


def collected(experiment):
    collection.collect(experiment, now=NOW)
    return arm_data.measured(experiment)


def test_requests_of_a_user_are_one_unit() -> None:
    experiment = begin()
    for cost in (1_000_000, 2_000_000, 3_000_000):
        ask(experiment, "control", 2, cost, reference_cost_nano_usd=4_000_000, latency_ms=250)
    ask(experiment, "test", 1, 500_000, reference_cost_nano_usd=4_000_000, latency_ms=400)

    control, test = collected(experiment).arms.values()

    assert list(control.requests) == [3, 3]
    assert list(control.cost_usd) == pytest.approx([0.006, 0.006])
    assert list(control.reference_cost_usd) == pytest.approx([0.012, 0.012])
    assert (list(control.latency_ms), list(control.timed_requests)) == ([750, 750], [3, 3])
    assert (list(test.requests), list(test.latency_ms)) == ([1], [400])


def test_same_user_of_two_teams_is_two_units() -> None:
    experiment = begin()
    ask(experiment, "control", 1, 100)
    ask(experiment, "control", 1, 100, team=factories.team())

    assert collected(experiment).arms["control"].units == 2


def test_failures_and_ratings_are_counted() -> None:
    experiment = begin()
    ask(experiment, "control", 1, 100, state=LedgerEntry.State.FAILED)
    for entry, stars in zip(ask(experiment, "control", 2, 100, first_user=1), (5, 2), strict=True):
        rate(entry, stars)

    control = collected(experiment).arms["control"]

    assert sorted(control.errors) == [0, 0, 1]
    assert (sum(control.quality), sum(control.ratings)) == (7, 2)


def test_what_nobody_measured_is_none() -> None:
    experiment = begin()
    ask(experiment, "control", 2, 100, latency_ms=None)

    control = collected(experiment).arms["control"]

    assert (control.quality, control.latency_ms, control.reference_cost_usd, control.latencies) == (None,) * 4


def test_unknown_cost_is_not_zero() -> None:
    experiment = begin()
    ask(experiment, "control", 1, 6_000_000, reference_cost_nano_usd=9_000_000)
    ask(experiment, "control", 1, None, reference_cost_nano_usd=9_000_000)

    control = collected(experiment).arms["control"]

    assert (list(control.requests), list(control.priced_requests)) == ([2], [1])
    assert list(control.cost_usd) == pytest.approx([0.006])
    # Only that of the request whose cost is known: else an arm would look cheaper for not knowing.
    assert list(control.reference_cost_usd) == pytest.approx([0.009])


def test_one_request_without_a_reference_leaves_the_reference_out() -> None:
    experiment = begin()
    ask(experiment, "control", 5, 100, reference_cost_nano_usd=200)
    ask(experiment, "control", 1, 100, first_user=5)

    assert collected(experiment).arms["control"].reference_cost_usd is None


def test_what_nobody_would_notice_counts_as_equally_fast() -> None:
    experiment = begin()
    ask(experiment, "control", 1, 100, latency_ms=3)
    ask(experiment, "test", 1, 100, latency_ms=90)

    assert [list(arm.latency_ms) for arm in collected(experiment).arms.values()] == [[100], [100]]


def test_units_that_were_only_assigned_are_in_their_arm() -> None:
    team = factories.team()
    experiment = begin(team)
    ask(experiment, "control", 1, 100)
    for user, arm in (("control-0", "control"), ("idle", "test")):
        unit = unit_hash(team.id, user)
        Exposure.objects.create(experiment_id=experiment.id, phase=1, unit=unit, arm=arm, exposed_at=START)

    control, test = collected(experiment).arms.values()

    assert (list(control.requests), list(test.requests)) == ([1], [0])


def test_units_in_two_arms_are_counted() -> None:
    experiment = begin()
    ask(experiment, "control", 3, 100)
    ask(experiment, "test", 1, 100)
    LedgerEntry.objects.filter(experiment_arm="test").update(user_id="control-1")

    assert collected(experiment).units_in_both_arms == 1


def test_only_the_present_phase_is_measured() -> None:
    experiment = begin()
    ask(experiment, "control", 3, 100)
    ask(experiment, "control", 1, 100, experiment_phase=2, created_at=START + timedelta(minutes=2))
    experiment.phase = 2

    assert collected(experiment).arms["control"].units == 1


def test_single_latencies_are_read_for_a_guardrail_on_their_95th_percentile() -> None:
    experiment = begin(guardrails=[{"metric": "latency_p95", "margin": 0.2}])
    ask(experiment, "control", 2, 100, latency_ms=50)
    ask(experiment, "control", 1, 100, latency_ms=700)

    latencies = collected(experiment).arms["control"].latencies

    assert sorted(latencies.values_ms) == [100, 100, 700]
    assert np.bincount(latencies.units).tolist() in ([2, 1], [1, 2])
