"""What is kept day by day, and the figures it is kept from."""

from datetime import date, timedelta

import pytest

from accounts.models import Team
from accounts.services import features
from feedback.models import ChangedFeedbackDay
from feedback.services import tallies
from insights.domain.finding import ActionKind
from insights.domain.roi import Assumptions, Roi
from insights.domain.trends import Week
from insights.models import AppliedAction, InsightsTrend, LearningPath, TeamMetric
from insights.selectors import paths, return_on_investment, trends, weekly_report
from insights.services import daily, reports
from tests import factories
from tests.insights import reviewed_traffic
from tests.insights.reviewed_traffic import NOW, YESTERDAY, finding, requests

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def roi(team: Team, **assumptions: int) -> Roi:
    return return_on_investment.of_team(team, days=30, assumptions=Assumptions(**assumptions), now=NOW)


def applied(team: Team, **fields: object) -> AppliedAction:
    values = {
        "kind": ActionKind.CAP_MAX_TOKENS.value,
        "parameters": {},
        "applied_at": YESTERDAY,
        "applied_by": "test",
        "realized_nano_usd": 6_000_000_000,
        "measured_at": NOW,
        "assumption": "Nothing else changed.",
        **fields,
    }
    return AppliedAction.objects.create(team=team, finding=finding(team, status="accepted"), **values)


def test_weeks_are_kept_and_brought_up_to_date() -> None:
    team = factories.team()
    requests(team, 2, cost_nano_usd=5)
    requests(team, 4, created_at=NOW - WEEK, cost_nano_usd=7)
    daily.trends(now=NOW)
    requests(team, 1, cost_nano_usd=5)

    daily.trends(now=NOW)

    kept = InsightsTrend.objects.filter(team=team, metric="cost_nano_usd", value__isnull=False)
    found = kept.values_list("week", "value", "is_complete")
    assert list(found) == [(date(2026, 2, 23), 28.0, True), (date(2026, 3, 2), 15.0, False)]
    # Eight figures over twelve weeks.
    assert InsightsTrend.objects.filter(team=team).count() == 96


def test_weeks_before_the_first_request_have_no_value() -> None:
    team = factories.team()
    requests(team, 1, created_at=NOW - 2 * WEEK)

    trend = trends.of_team(team, now=NOW).by_metric[trends.Metric.REQUESTS]

    assert [point.value for point in trend.points[-4:]] == [None, 1.0, 0.0, 0.0]


def test_stars_by_week_are_exact_with_and_without_tallies() -> None:
    team = factories.team()
    reviewed_traffic.ratings(team, 3, quality_score=4)
    reviewed_traffic.ratings(team, 1, quality_score=2, created_at=NOW - WEEK)
    reviewed_traffic.ratings(factories.team(), 9, quality_score=1)
    one_by_one = trends.of_team(team, now=NOW).by_metric[trends.Metric.STARS]
    tallies.add_up(now=NOW)
    assert not ChangedFeedbackDay.objects.exists()

    assert [point.value for point in one_by_one.points[-2:]] == [2.0, 4.0]
    assert trends.of_team(team, now=NOW).by_metric[trends.Metric.STARS] == one_by_one


def test_weeks_over_a_year_old_are_archived() -> None:
    team = factories.team()
    for week in (date(2025, 2, 17), date(2025, 2, 24), date(2025, 3, 3)):
        InsightsTrend.objects.create(team=team, metric="requests", week=week, is_complete=True, computed_at=NOW)

    # A year before 2026-03-04 is 2025-03-04: the week of 2025-02-24 ended two days before that.
    assert daily.archive_trends(now=NOW) == {"archived": 2}
    assert InsightsTrend.objects.get(archived_at__isnull=True).week == date(2025, 3, 3)


def test_learning_paths_are_replaced_together() -> None:
    team = factories.team()
    finding(team, estimated_monthly_savings_nano_usd=900_000_000_000)
    finding(team, finding_type="duplicate_prompts", category="caching", subject={})
    daily.learning_paths(now=NOW)
    places = dict(LearningPath.objects.values_list("finding_type", "place"))
    finding(team, finding_type="feedback_gap", category="quality", subject={"pattern": "code"})

    daily.learning_paths(now=NOW)

    assert places == {"overpowered_model": 1, "duplicate_prompts": 2}
    assert LearningPath.objects.filter(team=team).count() == 3
    assert paths.of_team(team, now=NOW).places_before["overpowered_model"] == 1


def test_what_is_switched_off_for_a_team_is_not_kept() -> None:
    team = factories.team()
    finding(team)
    for name in ("learning_paths", "trends", "insights", "pattern_learning"):
        features.disable(name, team=team, actor="test", now=NOW)

    for keep in (daily.learning_paths, daily.trends, daily.team_metrics, daily.anti_patterns):
        keep(now=NOW)

    assert not LearningPath.objects.exists()
    assert not InsightsTrend.objects.exists()
    assert not TeamMetric.objects.exists()


def test_the_figures_of_a_day_are_kept_and_completed_after_midnight() -> None:
    team = factories.team()
    requests(team, 2, created_at=NOW, cost_nano_usd=5)
    finding(team)
    applied(team)
    daily.team_metrics(now=NOW + timedelta(hours=1))
    requests(team, 1, created_at=NOW + timedelta(hours=2), cost_nano_usd=5)

    daily.team_metrics(now=NOW + timedelta(hours=12, minutes=30))

    later, row = TeamMetric.objects.filter(team=team)
    assert (row.day, row.requests, row.cost_nano_usd) == (NOW.date(), 3, 15)
    assert (row.open_findings, row.open_monthly_savings_nano_usd, row.realized_nano_usd) == (
        1,
        5_000_000_000,
        6_000_000_000,
    )
    assert (later.day, later.requests) == ((NOW + DAY).date(), 0)


def test_return_is_savings_against_the_time_people_took() -> None:
    team = factories.team()
    # 3 millidollars of baseline less 1 of cost, each.
    requests(team, 1000)
    reviewed_traffic.answers(team, [("accepted", 0.9), ("rejected", 0.9)])

    found = roi(team, minutes_per_change_by_hand=0)

    # Two answers of 5 minutes at 60 dollars an hour.
    assert (found.routing_savings_nano_usd, found.time_nano_usd) == (2_000_000_000, 10_000_000_000)
    assert found.net_nano_usd == -8_000_000_000
    assert {"hour_nano_usd", "minutes_per_answer", "days"} <= {stated.name for stated in found.assumptions}


def test_savings_that_routing_already_counts_are_not_added_again() -> None:
    team = factories.team()
    applied(team)
    applied(team, kind=ActionKind.ROUTE_PATTERN.value)
    applied(team, realized_nano_usd=None, measured_at=None)

    found = roi(team)

    assert (found.other_savings_nano_usd, found.realized_nano_usd) == (6_000_000_000, 12_000_000_000)
    assert found.unmeasured == 1


def test_of_an_older_action_only_its_share_of_the_period_counts() -> None:
    team = factories.team()
    # In force for 60 days, half of which are in the period; and one taken back before it.
    applied(team, applied_at=NOW - 60 * DAY)
    applied(team, applied_at=NOW - 90 * DAY, reverted_at=NOW - 31 * DAY)
    applied(factories.team())

    assert roi(team).realized_nano_usd == 3_000_000_000


def test_the_weekly_report_tells_of_one_iso_week() -> None:
    team = factories.team("builders")
    requests(team, 3, created_at=NOW - WEEK, cost_nano_usd=2_000_000_000)
    requests(team, 1, created_at=NOW - 2 * WEEK, cost_nano_usd=2_000_000_000)
    requests(team, 7)
    finding(team, created_at=NOW - WEEK)

    report = weekly_report.of_team(team, Week(2026, 9), now=NOW)
    text = reports.as_text(report)

    assert (report.traffic.requests, report.traffic_before.requests, report.is_complete) == (3, 1, True)
    assert (report.happened.raised, report.open_findings.count) == (1, 1)
    assert "Week 2026-W09 of team builders" in text
    assert "Spend     $6.00 (+200.0% on the week before)" in text
    assert "1. A cheaper model would do (about $5.00 a month)" in text


def test_a_week_that_is_not_over_is_told_so_far() -> None:
    report = weekly_report.of_team(factories.team(), Week(2026, 10), now=NOW)

    assert not report.is_complete
    assert "(so far)" in reports.as_text(report)


def test_reports_are_written_of_teams_that_had_traffic() -> None:
    requests(factories.team("busy"), 1, created_at=NOW - WEEK)
    factories.team("idle")

    written = reports.weekly_all(now=NOW)

    assert (written["teams"], written["week"], list(written["reports"])) == (2, "2026-W09", ["busy"])


def test_a_report_leaves_out_what_is_switched_off() -> None:
    team = factories.team()
    finding(team)
    for name in ("ranking", "learning_paths"):
        features.disable(name, team=team, actor="test", now=NOW)

    report = weekly_report.of_team(team, Week(2026, 9), now=NOW)

    assert (report.suggestions, report.paths) == ((), ())
