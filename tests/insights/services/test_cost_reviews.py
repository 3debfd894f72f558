from datetime import date, timedelta

import pytest
from django.db import connection

from accounts.models import Team
from accounts.services import features
from insights.domain.answers import Answer
from insights.models import Finding, Review
from insights.services import answers, invalidation, reviews
from insights.services.reviews import ReviewInProgress
from jobs.services.runs import SomeFailed
from tests import factories
from tests.insights import reviewed_traffic
from tests.insights.reviewed_traffic import NOW, finding, overpowered, reviewed

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def said(row: Finding, verdict: Answer) -> None:
    answers.answer(row.id, row.team, verdict=verdict, actor="test", now=NOW)


def statuses(team: Team) -> list[str]:
    return list(Finding.objects.filter(team=team).order_by("id").values_list("status", flat=True))


def test_a_review_raises_what_it_finds_with_its_evidence_and_saving() -> None:
    team = factories.team()
    overpowered(team)

    review = reviewed(team)

    assert (review.state, review.starts_on, review.ends_before) == ("succeeded", date(2026, 2, 26), date(2026, 3, 5))
    assert (review.requests, review.cost_nano_usd, review.new_findings) == (40, 2_000_000_000, 1)
    row = Finding.objects.get()
    assert (row.finding_type, row.status, row.review_id, row.last_seen_on) == (
        "overpowered_model",
        "open",
        review.id,
        date(2026, 3, 5),
    )
    assert row.action == {
        "kind": "route_pattern",
        "parameters": {"pattern": "code", "model": "openai/gpt-small"},
    }
    # 40 times 5 cents against 40 times 0.14 cents (1,000 tokens at 1 dollar and 200 at 2 per million), by 30 days of 7.
    assert row.estimated_monthly_savings_nano_usd == (2_000_000_000 - 56_000_000) * 30 // 7
    assert len(row.evidence["example_request_ids"]) == 2


def test_the_same_finding_stays_one_and_is_kept_up() -> None:
    team = factories.team()
    overpowered(team)
    first = reviewed(team)
    reviewed_traffic.requests(team, 10, served_model="gpt-large", pattern="code", cost_nano_usd=50_000_000)

    second = reviewed(team)

    row = Finding.objects.get()
    assert (second.new_findings, second.again_findings) == (0, 1)
    assert (row.review_id, row.last_review_id, row.evidence["requests"]) == (first.id, second.id, 50)


def test_what_holds_no_longer_is_resolved_and_raised_anew_when_it_returns() -> None:
    team = factories.team()
    overpowered(team)
    reviewed(team)

    later = reviewed(team, now=NOW + 8 * DAY)
    assert (later.resolved_findings, statuses(team)) == (1, ["resolved"])

    reviewed(team)
    assert statuses(team) == ["resolved", "open"]


@pytest.mark.parametrize("verdict", [Answer.REJECTED, Answer.IGNORED])
def test_what_was_turned_down_is_not_raised_again(verdict: Answer) -> None:
    team = factories.team()
    overpowered(team)
    reviewed(team)
    said(Finding.objects.get(), verdict)

    reviewed(team, now=NOW + 8 * DAY)
    again = reviewed(team)

    assert (again.new_findings, statuses(team)) == (0, [verdict.value])


def test_what_was_turned_down_and_grew_is_raised_anew() -> None:
    team = factories.team()
    overpowered(team)
    reviewed(team)
    said(Finding.objects.get(), Answer.REJECTED)
    # From 8 dollars a month to over 100, and nearly all of the spend: from medium to critical.
    reviewed_traffic.requests(team, 40, served_model="gpt-large", pattern="code", cost_nano_usd=1_000_000_000)

    reviewed(team)

    assert statuses(team) == ["resolved", "open"]
    assert Finding.objects.get(status="open").severity == "critical"


def test_what_was_accepted_is_resolved_once_it_holds_no_longer() -> None:
    team = factories.team()
    overpowered(team)
    reviewed(team)
    said(Finding.objects.get(), Answer.ACCEPTED)

    reviewed(team, now=NOW + 8 * DAY)

    assert statuses(team) == ["resolved"]


def test_what_was_seen_too_long_ago_expires() -> None:
    team = factories.team()
    finding(team, last_seen_on=date(2026, 2, 2))
    finding(team, last_seen_on=date(2026, 2, 3), status="rejected")

    # Today's traffic included, the review ends on the 5th: 31 and 30 days after.
    review = reviewed(team)

    assert (review.expired_findings, statuses(team)) == (1, ["expired", "rejected"])


def test_a_team_without_traffic_is_reviewed_too() -> None:
    review = reviewed(factories.team())

    assert (review.state, review.requests, review.new_findings) == ("succeeded", 0, 0)


def test_a_second_review_of_a_team_at_the_same_time_is_refused() -> None:
    team = factories.team()
    running = {"state": "running", "actor": "other", "trigger": "api", "starts_on": NOW.date() - DAY}
    Review.objects.create(team=team, ends_before=NOW.date(), started_at=NOW, **running)

    with pytest.raises(ReviewInProgress, match="/api/reviews"):
        reviewed(team)
    reviewed(factories.team())


def test_a_review_that_was_broken_off_makes_way() -> None:
    team = factories.team()
    running = {"state": "running", "actor": "other", "trigger": "api", "starts_on": NOW.date() - DAY}
    broken = Review.objects.create(team=team, ends_before=NOW.date(), started_at=NOW - timedelta(minutes=15), **running)

    reviewed(team)

    broken.refresh_from_db()
    assert (broken.state, broken.error[:14]) == ("failed", "It never ended")


def test_a_review_that_was_overtaken_changes_nothing() -> None:
    team = factories.team()
    overpowered(team)

    def overtake(execute, sql, params, many, context):
        """Give the review's place away as soon as it reads the ledger, as if it had been stopped for long."""
        if 'FROM "routing_metrics"' in sql:
            Review.objects.filter(team=team, state="running").update(state="failed")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(overtake), pytest.raises(reviews.ReviewTakenOver):
        reviewed(team)

    assert not Finding.objects.exists()


def test_a_scheduled_review_looks_at_days_that_are_over() -> None:
    review = reviewed(factories.team(), trigger=Review.Trigger.SCHEDULE)

    assert (review.starts_on, review.ends_before) == (date(2026, 2, 25), date(2026, 3, 4))


@pytest.mark.parametrize("days", [0, 91])
def test_a_window_has_1_to_90_days(days: int) -> None:
    with pytest.raises(ValueError, match="1 to 90 days"):
        reviewed(factories.team(), window_days=days)


def test_a_failed_review_says_why_and_stops_no_other_team() -> None:
    broken, sound = factories.team("broken"), factories.team("sound")
    overpowered(broken)
    overpowered(sound)
    reviewed(broken)
    said(Finding.objects.get(), Answer.REJECTED)
    # Nothing grades like this: the review meets it and cannot go on.
    Finding.objects.update(severity="odd")

    with pytest.raises(SomeFailed, match="broken"):
        reviews.run_all(now=NOW + DAY)

    failed, done = Review.objects.filter(trigger="schedule").order_by("team__slug")
    assert (failed.state, failed.error) == ("failed", "ValueError: 'odd' is not a valid Severity")
    assert (done.state, done.new_findings) == ("succeeded", 1)


def test_teams_whose_reviews_are_off_are_passed_over() -> None:
    features.disable("cost_review", team=factories.team("off"), actor="test", now=NOW)
    factories.team("on")
    factories.team("gone", is_active=False)

    reviews.run_all(now=NOW)

    assert [review.team.slug for review in Review.objects.all()] == ["on"]


def test_a_review_makes_insights_be_computed_anew() -> None:
    team = factories.team()
    before = invalidation.version(team.id)

    reviewed(team)

    assert invalidation.version(team.id) == before + 1
