import uuid
from datetime import date, timedelta
from typing import Any

import pytest

from accounts.models import RolloutPhase, Team
from insights.models import TeamMetric
from learning.models import RetrainingRun
from monitoring.models import CounterSample
from monitoring.selectors import rollout_criteria
from monitoring.selectors.rollout_criteria import Criterion
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
NOW = NOON + timedelta(hours=10)
# Counts by the 14 bounds from 5 ms to 30 s, those beyond, and the sum of the seconds; the sixth bound is 0.2 s.
QUICK = [95, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 2.5]
SLOW = [94, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 2.5]


@pytest.fixture
def team() -> Team:
    return factories.team("search")


def phase(number: int = 1, reach: float = 1.0) -> RolloutPhase:
    return RolloutPhase(
        number=number, features=["insights"], reach=reach, started_at=NOON - timedelta(days=3), started_by="ada"
    )


def look(name: str, number: int = 1, **fields: Any) -> Criterion:
    found = {criterion.name: criterion for criterion in rollout_criteria.evaluate(phase(number, **fields), now=NOW)}
    return found[name]


def requests(team: Team, count: int, **fields: Any) -> None:
    for _ in range(count):
        factories.ledger_entry(team, **{"created_at": NOON, "overhead_ms": 5.0, **fields})


def sample(hours: int, **figures: Any) -> None:
    CounterSample.objects.create(taken_at=NOON + hours * HOUR, figures=figures)


def test_nothing_holds_before_anything_was_measured() -> None:
    found = rollout_criteria.evaluate(phase(2), now=NOW)

    assert len(found) == 10
    assert not any(criterion.holds for criterion in found)
    assert [criterion.value for criterion in found] == [None] * 10
    assert len(rollout_criteria.unmet(found)) == 10


@pytest.mark.parametrize(("number", "count"), [(0, 0), (1, 7), (2, 10), (3, 10), (4, 10)])
def test_later_phases_keep_the_criteria_of_the_ones_before(number: int, count: int) -> None:
    assert len(rollout_criteria.evaluate(phase(number), now=NOW)) == count


def test_every_measured_criterion_says_how_over_what_and_against_what() -> None:
    measured = [one for one in rollout_criteria.evaluate(phase(2), now=NOW) if one.kind == "measured"]

    assert len(measured) == 7
    assert all(one.formula and one.window and one.limit and one.why for one in measured)


def test_errors_of_ours_are_those_that_no_provider_made(team: Team) -> None:
    requests(team, 100)
    requests(team, 20, state="failed", http_status=502, error_code="timeout")
    before = look("our_errors")

    requests(team, 1, state="orphaned", error_code="process_ended")
    after = look("our_errors")

    assert (before.holds, before.value) == (True, 0.0)
    # 1 of 121 is more than 0.1 %.
    assert (after.holds, after.why) == (False, "1 of 121 requests (0.826%).")


def test_errors_of_our_other_endpoints_count_and_a_feature_that_is_off_does_not() -> None:
    sample(0, endpoint_requests=[0.0], endpoint_errors=[0.0], endpoint_faults=[0.0])
    sample(1, endpoint_requests=[1000.0], endpoint_errors=[40.0], endpoint_faults=[2.0])

    found = look("our_errors")

    assert (found.holds, found.value) == (False, 0.002)


def test_a_few_requests_prove_nothing(team: Team) -> None:
    requests(team, 99)

    found = look("our_errors")

    assert not found.holds
    assert found.why == "99 requests were measured; at least 100 are needed."


def test_only_completions_of_the_teams_that_the_phase_reaches_count(team: Team) -> None:
    requests(team, 120)

    # The team's place is 0.945.
    assert look("our_errors", reach=0.94).value is None
    assert look("our_errors", reach=0.95).value == 0.0


def test_only_the_last_day_and_only_since_the_phase_began_counts(team: Team) -> None:
    requests(team, 1, created_at=NOW - timedelta(hours=24), state="orphaned")
    requests(team, 1, created_at=NOW - timedelta(hours=25), state="orphaned")
    requests(team, 99)

    found = look("our_errors")

    assert found.why == "1 of 100 requests (1.000%)."


def test_time_that_we_add_is_read_from_the_ledger(team: Team) -> None:
    requests(team, 96)
    requests(team, 4, overhead_ms=900.0)
    before = look("overhead")

    requests(team, 2, overhead_ms=900.0)
    after = look("overhead")

    assert (before.holds, before.value) == (True, 5.0)
    # Of 102 the 97th, counted from 0 at 95.95, lies in the bucket from 896 to 911 ms.
    assert not after.holds
    assert after.value == pytest.approx(900, rel=0.05)


@pytest.mark.parametrize(("figures", "holds"), [(QUICK, True), (SLOW, False)])
def test_time_of_our_endpoints_is_read_from_their_histogram(figures: list[float], holds: bool) -> None:
    sample(0, endpoint_seconds=[0.0] * 16)
    sample(1, endpoint_seconds=figures)

    assert look("endpoints").holds == holds


def run(state: str, **fields: Any) -> None:
    values = {"trigger": "api", "actor": "ada", "parameters": {}, "started_at": NOON, "finished_at": NOON}
    RetrainingRun.objects.create(run_id=uuid.uuid4(), state=state, **{**values, **fields})


def test_more_than_99_of_100_updates_must_succeed() -> None:
    run("succeeded")
    before = look("learning_updates")

    run("failed")
    after = look("learning_updates")

    assert (before.holds, before.value) == (True, 1.0)
    assert (after.holds, after.value) == (False, 0.5)


def test_errors_of_providers_count_from_the_second_phase_on(team: Team) -> None:
    requests(team, 200)
    before = look("errors", 2)

    requests(team, 1, state="failed", http_status=502, error_code="timeout")
    after = look("errors", 2)

    assert before.holds
    # 1 of 201 is 0.4975 %, which is just below half a percent.
    assert (after.holds, round(after.value or 0, 6)) == (True, 0.004975)


def metric(team: Team, **fields: Any) -> None:
    TeamMetric.objects.create(
        **{
            "team": team,
            "day": date(2026, 3, 4),
            "requests": 2,
            "cost_nano_usd": 2_000_000,
            "savings_nano_usd": 4_000_000,
            "open_findings": 0,
            "open_monthly_savings_nano_usd": 0,
            "accepted": 0,
            "rejected": 0,
            "ignored": 0,
            "realized_nano_usd": 0,
            "computed_at": NOON + HOUR,
            **fields,
        }
    )


def test_figures_of_insights_are_added_up_anew_from_the_ledger(team: Team) -> None:
    requests(team, 2)
    # Came after the figures were kept.
    requests(team, 1, created_at=NOON + 2 * HOUR, settled_at=NOON + 2 * HOUR)
    metric(team)

    found = look("figures", 2)

    assert (found.holds, found.why) == (True, "3 of 3 figures agree.")


def test_figure_that_does_not_agree_is_seen(team: Team) -> None:
    requests(team, 2)
    metric(team, cost_nano_usd=1_999_999)

    found = look("figures", 2)

    assert (found.holds, found.why) == (False, "2 of 3 figures agree.")


@pytest.mark.parametrize(("busy_ms", "ratio", "holds"), [(15.0, 1.5, True), (16.0, 1.6, False)])
def test_busy_hours_are_held_against_the_others(team: Team, busy_ms: float, ratio: float, holds: bool) -> None:
    for hour in (1, 2, 3):
        requests(team, 2, created_at=NOON + hour * HOUR, overhead_ms=10.0)
    requests(team, 5, created_at=NOON + 4 * HOUR, overhead_ms=busy_ms)

    found = look("load", 2)

    assert (found.holds, found.value) == (holds, ratio)


def test_load_is_unknown_while_no_hour_was_busy(team: Team) -> None:
    for hour in (1, 2, 3):
        requests(team, 2, created_at=NOON + hour * HOUR, overhead_ms=10.0)

    found = look("load", 2)

    assert (found.holds, found.value) == (False, None)
    assert found.why == "no hour had 2.5 times the usual load of 2 requests: wait for one, or make it."


def test_confirmations_hold_when_somebody_gave_them() -> None:
    confirmed = phase()
    confirmed.confirmations = {"team_trained": {"by": "ada", "at": NOON.isoformat()}}

    found = [one for one in rollout_criteria.evaluate(confirmed, now=NOW) if one.kind == "confirmed"]

    assert [(one.name, one.holds) for one in found] == [
        ("team_trained", True),
        ("no_corruption", False),
        ("satisfaction", False),
    ]
    assert found[0].why == "confirmed by ada."
