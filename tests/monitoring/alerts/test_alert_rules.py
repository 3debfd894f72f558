"""Each rule of a new installation fires by what really happens, after its time, and resolves when that is over."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Budget, BudgetPeriod, Team
from accounts.services.telemetry import Telemetry
from feedback.models import ResponseFeedback
from insights.models import LearningMetric, Review
from jobs.services import runs
from learning.models import RetrainingRun
from learning.services import retraining
from monitoring.models import Alert, AlertDelivery, AlertRule
from monitoring.services import alerts
from routing.models import GatewayInstance
from tests import factories
from tests.factories import NOON
from tests.monitoring.alerts.receivers import Received

pytestmark = pytest.mark.django_db

HOLD = timedelta(seconds=300)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def states(slug: str) -> list[str]:
    return list(Alert.objects.filter(kind=slug).order_by("id").values_list("state", flat=True))


def states_after(slug: str, *moments: datetime) -> list[list[str]]:
    """Evaluate at each moment, and return the states of the rule's alerts then."""
    found = []
    for now in moments:
        alerts.evaluate(now=now)
        found.append(states(slug))
    return found


def firing_after_its_time(slug: str, now: datetime) -> bool:
    """Say whether the rule waits for as long as it should, and fires then."""
    return states_after(slug, now, now + HOLD - SECOND, now + HOLD) == [["pending"], ["pending"], ["firing"]]


def review(started_at: datetime, seconds: int) -> Review:
    return Review.objects.create(
        team=factories.team(),
        trigger="schedule",
        actor="scheduler",
        state=Review.State.SUCCEEDED,
        starts_on=started_at.date() - 7 * DAY,
        ends_before=started_at.date(),
        started_at=started_at,
        finished_at=started_at + timedelta(seconds=seconds),
    )


def test_learning_jobs_that_fail_fire_and_are_over_when_they_succeed_again() -> None:
    def broken() -> None:
        raise RuntimeError("no table")

    with pytest.raises(RuntimeError, match="no table"):
        runs.run("learning.tasks.retrain", broken, period_key="2026-03-01T02:00Z")
    now = timezone.now()

    assert firing_after_its_time("learning-job-failures", now)
    # The failed one has left the window of a day, and no other has ended since.
    assert states_after("learning-job-failures", now + DAY) == [["resolved"]]


def test_one_failed_job_of_twenty_is_still_within_the_threshold() -> None:
    # 1 of 20 is 5 %, which is not more than 5 %.
    for number in range(20):
        RetrainingRun.objects.create(
            run_id=uuid.uuid4(),
            trigger="command",
            actor="ada",
            parameters={},
            state="failed" if number == 0 else "succeeded",
            started_at=NOON,
            finished_at=NOON,
        )

    assert states_after("learning-job-failures", NOON + HOUR) == [[]]


def test_slow_cost_reviews_fire_and_quick_ones_resolve() -> None:
    review(NOON, seconds=6)
    now = NOON + HOUR

    assert firing_after_its_time("insights-slow", now)
    for _ in range(20):
        review(now, seconds=1)
    # One slow one of 21: the 20th by time took 1 s.
    assert states_after("insights-slow", now + HOUR) == [["resolved"]]


def test_ratings_that_nobody_learns_from_fire_and_a_retraining_resolves() -> None:
    team = factories.team()
    rows = [factories.unsaved_feedback(team, user_id="u") for _ in range(1001)]
    ResponseFeedback.objects.bulk_create(rows)
    now = NOON + HOUR

    assert firing_after_its_time("feedback-backlog", now)
    retraining.retrain(team=None, trigger="command", actor="ada", dry_run=False, now=now + HOUR)
    assert states_after("feedback-backlog", now + HOUR) == [["resolved"]]
    assert Alert.objects.get(kind="feedback-backlog").value == 0


def test_a_thousand_waiting_ratings_and_unlinked_ones_are_no_backlog() -> None:
    team = factories.team()
    rows = [factories.unsaved_feedback(team) for _ in range(1000)]
    unlinked = [factories.unsaved_feedback(team, linked=False, ledger_request_id=None) for _ in range(5)]
    ResponseFeedback.objects.bulk_create([*rows, *unlinked])

    assert states_after("feedback-backlog", NOON + HOUR) == [[]]


def test_unpriced_traffic_fires_and_is_over_an_hour_after_the_last() -> None:
    factories.ledger_entry(
        factories.team(), is_unpriced=True, cost_nano_usd=None, provider="acme", served_model="new-model"
    )
    now = NOON + SECOND

    assert firing_after_its_time("unpriced-traffic", now)
    assert "acme/new-model" in Alert.objects.get(kind="unpriced-traffic").message
    assert states_after("unpriced-traffic", NOON + HOUR + SECOND) == [["resolved"]]


def test_counts_of_tokens_that_cannot_be_fire_and_are_over_an_hour_after_the_last() -> None:
    team = factories.team()
    factories.ledger_entry(team, flags=["usage_missing", "orphaned"])
    assert states_after("usage-clamped", NOON + SECOND) == [[]]
    factories.ledger_entry(team, flags=["usage_clamped", "over_reservation"], provider="acme", served_model="odd")

    assert firing_after_its_time("usage-clamped", NOON + SECOND)
    found = Alert.objects.get(kind="usage-clamped")
    assert (found.value, found.samples, found.severity) == (1.0, 2, "warning")
    assert "Answers with counts of tokens that cannot be: 1, of acme/odd." in found.message
    assert states_after("usage-clamped", NOON + HOUR + SECOND) == [["resolved"]]


def test_each_team_whose_upgrades_are_held_back_has_an_alert_at_once() -> None:
    for slug, strategy, times in (("red", "capped", 2), ("blue", "capped", 1), ("gray", "complexity", 1)):
        team = factories.team(slug)
        for _ in range(times):
            factories.ledger_entry(team, strategy=strategy)

    assert states_after("upgrades-capped", NOON + SECOND) == [["firing", "firing"]]
    found = {alert.details["team"]: alert for alert in Alert.objects.filter(kind="upgrades-capped")}
    assert {slug: alert.value for slug, alert in found.items()} == {"red": 2.0, "blue": 1.0}
    assert found["red"].message.startswith("2 requests of red were kept from a dearer model.")
    assert states_after("upgrades-capped", NOON + 60 * SECOND) == [["firing", "firing"]]
    assert states_after("upgrades-capped", NOON + HOUR + SECOND) == [["resolved", "resolved"]]


def test_slow_updates_of_learning_fire_and_quick_ones_resolve(own_counters: Telemetry) -> None:
    alerts.evaluate(now=NOON)
    own_counters.observe("learning_update_duration_seconds", 2.5)
    own_counters.write()

    assert firing_after_its_time("learning-update-slow", NOON + HOUR)
    for _ in range(20):
        own_counters.observe("learning_update_duration_seconds", 0.4)
    own_counters.write()
    # 20 of 21, which is 95.2 %, took half a second at most.
    assert states_after("learning-update-slow", NOON + 2 * HOUR) == [["resolved"]]


def test_thresholds_that_are_not_evaluated_for_a_day_fire_until_they_are() -> None:
    threshold = LearningMetric.objects.create(
        team=factories.team(),
        kind=LearningMetric.Kind.THRESHOLD,
        period=NOON.date(),
        samples=40,
        value=0.6,
        figures={},
        computed_at=NOON,
    )

    assert states_after("thresholds-stale", NOON + DAY) == [[]]
    assert firing_after_its_time("thresholds-stale", NOON + DAY + SECOND)
    LearningMetric.objects.filter(id=threshold.id).update(computed_at=NOON + 2 * DAY)
    assert states_after("thresholds-stale", NOON + 2 * DAY) == [["resolved"]]


def test_a_cold_cache_of_insights_fires_once_a_hundred_look_ups_say_so(own_counters: Telemetry) -> None:
    alerts.evaluate(now=NOON)
    own_counters.count("insights_cache_lookups_total", 60, result="miss")
    own_counters.count("insights_cache_lookups_total", 39, result="hit")
    own_counters.write()
    # 39 of 99 is too little, but of too few.
    assert states_after("insights-cache-cold", NOON + timedelta(minutes=1)) == [[]]
    own_counters.count("insights_cache_lookups_total", 1, result="hit")
    own_counters.write()

    assert firing_after_its_time("insights-cache-cold", NOON + timedelta(minutes=2))
    own_counters.count("insights_cache_lookups_total", 100, result="hit")
    own_counters.write()
    # 140 of 200.
    assert states_after("insights-cache-cold", NOON + timedelta(minutes=20)) == [["resolved"]]


def test_completions_that_fail_fire_and_are_over_when_others_succeed() -> None:
    team, now = factories.team(), NOON + timedelta(minutes=4)
    for status in (502, *[200] * 49):
        factories.ledger_entry(team, http_status=status, created_at=NOON)
    for _ in range(50):
        factories.ledger_entry(team, created_at=now + timedelta(minutes=1))
    factories.ledger_entry(team, http_status=503, state="failed", created_at=now + timedelta(minutes=1))

    # 1 of 50 is 2 %, and 1 of 51 still is.
    assert firing_after_its_time("api-errors", now)
    assert Alert.objects.get(kind="api-errors").subject == "completions"
    assert states_after("api-errors", now + HOUR) == [["resolved"]]


def test_few_completions_say_nothing_of_errors() -> None:
    factories.ledger_entry(factories.team(), http_status=502)

    assert states_after("api-errors", NOON + SECOND) == [[]]


def test_other_endpoints_that_fail_fire_as_well(own_counters: Telemetry) -> None:
    alerts.evaluate(now=NOON)
    own_counters.count("api_requests_total", 97, endpoint="/stats", method="GET", status="200")
    own_counters.count("api_requests_total", 3, endpoint="/stats", method="GET", status="500")
    # These are in the ledger.
    own_counters.count("api_requests_total", 900, endpoint="/complete", method="POST", status="200")
    own_counters.write()
    AlertRule.objects.filter(slug="api-errors").update(window_seconds=3600)

    assert firing_after_its_time("api-errors", NOON + timedelta(minutes=1))
    found = Alert.objects.get(kind="api-errors")
    assert (found.subject, found.value, found.samples) == ("other endpoints", 0.03, 100)


def test_completions_that_were_refused_before_they_were_in_the_ledger_fire_as_well(own_counters: Telemetry) -> None:
    team = factories.team()
    alerts.evaluate(now=NOON)
    for status in (*[200] * 95, 502):
        factories.ledger_entry(team, http_status=status, created_at=NOON)
    # The 502 and four that the database did not take.
    own_counters.count("api_requests_total", 1, endpoint="/complete", method="POST", status="502")
    own_counters.count("api_requests_total", 4, endpoint="/v1/chat/completions", method="POST", status="503")
    own_counters.write()
    AlertRule.objects.filter(slug="api-errors").update(window_seconds=3600)

    assert firing_after_its_time("api-errors", NOON + timedelta(minutes=1))
    found = Alert.objects.get(kind="api-errors")
    assert (found.subject, found.value, found.samples) == ("completions", 0.05, 100)
    assert found.message.startswith(
        "5 of 100 completions failed. 4 of them were refused before they were in the ledger."
    )


def test_memory_of_this_machine_is_watched_against_the_threshold() -> None:
    rule = AlertRule.objects.filter(slug="memory-high")
    # A gateway that outlives the tests it serves renews its lease at any time.
    GatewayInstance.objects.all().delete()
    # Any machine uses some of its memory, and none uses twice what it has.
    rule.update(threshold=0.0)
    assert firing_after_its_time("memory-high", NOON)
    rule.update(threshold=2.0)
    assert states_after("memory-high", NOON + HOUR) == [["resolved"]]


def spend(team: Team, limit: int, spent: int) -> BudgetPeriod:
    budget = Budget.objects.create(team=team, period="month", limit_nano_usd=limit)
    return BudgetPeriod.objects.create(
        budget=budget, period_start=NOON.date().replace(day=1), limit_nano_usd=limit, spent_nano_usd=spent
    )


def test_each_budget_that_is_nearly_spent_fires_by_itself_until_its_limit_is_raised() -> None:
    spend(factories.team("frugal"), limit=100, spent=79)
    tight = spend(factories.team("builders"), limit=100, spent=80)

    assert firing_after_its_time("budget-nearly-spent", NOON)
    assert "builders" in Alert.objects.get(kind="budget-nearly-spent").message
    BudgetPeriod.objects.filter(id=tight.id).update(limit_nano_usd=200)
    assert states_after("budget-nearly-spent", NOON + HOUR) == [["resolved"]]


def test_an_alert_that_goes_on_is_told_once_and_its_end_once(
    addresses: dict[str, str], receiver: Received, pagerduty_address: str
) -> None:
    addresses["pagerduty"] = pagerduty_address
    factories.ledger_entry(factories.team(), is_unpriced=True, cost_nano_usd=None)
    minutes = (NOON + timedelta(minutes=minute, seconds=1) for minute in range(0, 70, 5))

    states_after("unpriced-traffic", *minutes)

    (opened, closed) = (body for _path, body in receiver.requests)
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]


def test_a_condition_that_passes_before_its_time_is_never_told() -> None:
    row = factories.ledger_entry(factories.team(), is_unpriced=True, cost_nano_usd=None)
    alerts.evaluate(now=NOON + SECOND)
    type(row).objects.filter(request_id=row.request_id).update(is_unpriced=False)

    assert states_after("unpriced-traffic", NOON + 2 * HOLD) == [[]]
    assert AlertDelivery.objects.filter(alert__kind="unpriced-traffic").count() == 0


def test_a_rule_that_is_switched_off_ends_its_alerts() -> None:
    factories.ledger_entry(factories.team(), is_unpriced=True, cost_nano_usd=None)
    assert firing_after_its_time("unpriced-traffic", NOON + SECOND)
    AlertRule.objects.filter(slug="unpriced-traffic").update(is_enabled=False)

    assert states_after("unpriced-traffic", NOON + 2 * HOLD) == [["resolved"]]


def test_a_rule_that_cannot_be_measured_says_so_and_stops_no_other() -> None:
    AlertRule.objects.filter(slug="budget-nearly-spent").update(measure="no_such_measure")
    factories.ledger_entry(factories.team(), is_unpriced=True, cost_nano_usd=None)

    found = alerts.evaluate(now=NOON + SECOND)

    assert found["rules_failed"] == 1
    assert "no_such_measure" in AlertRule.objects.get(slug="budget-nearly-spent").last_error
    assert states("unpriced-traffic") == ["pending"]


def test_an_alert_is_acknowledged_by_one_person_with_a_note() -> None:
    alert = alerts.raise_event("disk-full", "The disk is full.", severity="critical", now=NOON)
    assert alert is not None
    alerts.acknowledge(alert, actor="ada", note="making room", now=NOON + HOUR)

    with pytest.raises(alerts.AlreadyAcknowledged, match="ada acknowledged"):
        alerts.acknowledge(alert, actor="bob", note="me too", now=NOON + HOUR)
    alert.refresh_from_db()
    assert (alert.acknowledged_by, alert.note, alert.acknowledged_at) == ("ada", "making room", NOON + HOUR)
