from datetime import date, timedelta

import pytest

from accounts.models import Team
from accounts.services import features
from insights.domain.answers import Answer
from insights.models import Finding, LearningMetric, PatternMetric
from insights.selectors import learned, suggestions
from insights.services import answers, learning
from tests import factories
from tests.insights import reviewed_traffic
from tests.insights.reviewed_traffic import NOW, finding

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)
# The Monday of the week of NOW, and the day before.
MONDAY = date(2026, 3, 2)
LAST_SUNDAY = NOW - timedelta(days=3)


def metric(team: Team, kind: str, period: date | None = None) -> LearningMetric:
    rows = LearningMetric.objects.filter(team=team, kind=kind)
    return (rows.filter(period=period) if period else rows).get()


def test_rates_and_calibration_are_kept_for_the_day_and_computed_anew() -> None:
    team = factories.team()
    reviewed_traffic.answers(team, [("accepted", 0.95)] * 3 + [("rejected", 0.95), ("ignored", 0.95)])

    learning.recompute(now=NOW)
    learning.recompute(now=NOW)

    # Three of four, drawn to a half as if five more had been seen: (3 + 2.5) / (4 + 5).
    acceptance = metric(team, "acceptance")
    assert (acceptance.period, acceptance.samples) == (NOW.date(), 4)
    assert acceptance.value == pytest.approx(5.5 / 9)
    # A claimed 0.95 against 3 of 4.
    calibration = metric(team, "calibration")
    assert calibration.samples == 4
    assert calibration.value == pytest.approx(0.2)
    assert calibration.figures["bins"][9]["accepted_share"] == 0.75


def test_the_newest_answer_to_a_finding_is_the_one_that_counts() -> None:
    row = finding(factories.team())
    for verdict in (Answer.REJECTED, Answer.ACCEPTED):
        answers.answer(row.id, row.team, verdict=verdict, actor="test", now=NOW - timedelta(hours=1))

    learning.recompute(now=NOW)

    assert metric(row.team, "acceptance").figures["overall"]["accepted"] == 1
    assert metric(row.team, "acceptance").figures["overall"]["rejected"] == 0


def test_the_threshold_of_a_week_rests_on_the_answers_before_it() -> None:
    team = factories.team()
    given = [("accepted", 0.9)] * 30 + [("rejected", 0.72)] * 30
    reviewed_traffic.answers(team, given, created_at=LAST_SUNDAY)
    learning.tune_all(now=NOW)
    # Given on Wednesday: they count from next Monday on.
    reviewed_traffic.answers(team, [("rejected", 0.9)] * 60, created_at=NOW)

    learning.tune_all(now=NOW + timedelta(hours=1))

    # Half of all are accepted, and of those above 0.72 all: 0.73 is wanted, and within one step of 0.70.
    tuned = metric(team, "threshold")
    assert (tuned.period, tuned.value, tuned.samples) == (MONDAY, 0.73, 60)
    assert learned.threshold(team) == 0.73


def test_the_next_weeks_threshold_starts_from_the_one_before() -> None:
    team = factories.team()
    reviewed_traffic.answers(team, [("rejected", 0.98)] * 60, created_at=LAST_SUNDAY)

    for weeks in range(3):
        learning.tune_all(now=NOW + weeks * WEEK)

    values = [row.value for row in learned.metrics(team).filter(kind="threshold")]
    assert values == [0.85, 0.8, 0.75]


def test_recurring_types_are_found_and_replaced() -> None:
    team = factories.team()
    reviewed_traffic.answers(team, [("rejected", 0.9)] * 5)
    PatternMetric.objects.create(
        team=team,
        finding_type="spend_spike",
        kind="recurring",
        occurrences=5,
        accepted=0,
        rejected=0,
        first_raised_at=NOW,
        last_raised_at=NOW,
        computed_at=NOW,
    )

    learning.recompute(now=NOW)

    (row,) = PatternMetric.objects.all()
    assert (row.finding_type, row.kind, row.occurrences, row.rejected) == ("overpowered_model", "anti_pattern", 5, 5)


def test_what_is_switched_off_for_a_team_is_not_learned() -> None:
    team = factories.team()
    reviewed_traffic.answers(team, [("rejected", 0.9)] * 5)
    for name in ("pattern_learning", "confidence_tuning"):
        features.disable(name, team=team, actor="test", now=NOW)

    learning.recompute(now=NOW)

    assert not LearningMetric.objects.exists()
    assert not PatternMetric.objects.exists()


def test_a_ranking_follows_what_the_team_answered() -> None:
    team = factories.team()
    cost = finding(team, severity="low")
    caching = finding(team, severity="low", category="caching", finding_type="duplicate_prompts", subject={})
    reviewed_traffic.answers(team, [("rejected", 0.9)] * 8, severity="low")
    reviewed_traffic.answers(
        team, [("accepted", 0.9)] * 8, severity="low", category="caching", finding_type="duplicate_prompts"
    )
    Finding.objects.exclude(id__in=(cost.id, caching.id)).update(status="accepted")

    ranking = suggestions.ranked(team, now=NOW)

    assert [each.finding for each in ranking.suggestions] == [caching, cost]
    assert any("preference" in line for line in ranking.suggestions[0].ranked.explanation)


def test_findings_below_the_threshold_are_not_suggested() -> None:
    team = factories.team()
    shown = finding(team, confidence=0.7)
    finding(team, confidence=0.69)
    finding(team, status="rejected")
    finding(factories.team())

    ranking = suggestions.ranked(team, now=NOW)

    assert [each.finding for each in ranking.suggestions] == [shown]
    assert (ranking.total, ranking.below_threshold, ranking.threshold) == (1, 1, 0.7)


def test_findings_that_ask_for_the_same_are_shown_once() -> None:
    team = factories.team()
    same = {"subject": {"model": "openai/gpt-large"}, "action": {"kind": "exclude_model", "parameters": {"model": "a"}}}
    first = finding(team, estimated_monthly_savings_nano_usd=9_000_000_000, **same)
    second = finding(team, **same)

    ranking = suggestions.ranked(team, now=NOW)

    (shown,) = ranking.suggestions
    assert (shown.finding, shown.ranked.stands_for, ranking.duplicates) == (first, (second.fingerprint,), 1)
