import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from learning.models import LearningOverride
from tests import factories

pytestmark = pytest.mark.django_db

REPORTS = "/admin/reports/"
TIME = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


def rows_of(client: Client, name: str) -> list[list[str]]:
    answer = client.get(f"{REPORTS}{name}/?format=csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="{name}-' in answer["Content-Disposition"]
    return list(csv.reader(io.StringIO(answer.getvalue().decode())))[1:]


def override(pattern: str, confidence: str, status: str = "active") -> LearningOverride:
    return LearningOverride.objects.create(
        pattern=pattern,
        provider="acme",
        model="small",
        confidence=confidence,
        confidence_score=0.9,
        sample_count=12,
        avg_quality=4.5,
        avg_cost_nano_usd=1_500_000,
        status=status,
        reason="the best rated",
        created_at=TIME,
    )


@pytest.mark.parametrize(
    "name", ["feedback-count", "last-ratings", "quality-by-model", "confident-overrides", "last-decisions"]
)
def test_every_report_opens_and_downloads_without_any_data(name: str, admin_client: Client) -> None:
    assert admin_client.get(f"{REPORTS}{name}/").status_code == 200
    assert admin_client.get(f"{REPORTS}{name}/?format=csv").status_code == 200
    assert f'href="{REPORTS}{name}/"' in admin_client.get(REPORTS).content.decode()


def test_ratings_are_counted_by_period(admin_client: Client) -> None:
    team, now = factories.team(), timezone.now()
    factories.feedback(team, created_at=now, quality_score=5)
    factories.feedback(team, created_at=now - timedelta(days=10), quality_score=2)
    factories.feedback(team, created_at=now - timedelta(days=100), quality_score=2, linked=False)

    # Stars: 5; 5; (5 + 2) / 2; (5 + 2 + 2) / 3.
    assert rows_of(admin_client, "feedback-count") == [
        ["today", "1", "5.0", "0"],
        ["last 7 days", "1", "5.0", "0"],
        ["last 30 days", "2", "3.5", "0"],
        ["all time", "3", "3.0", "1"],
    ]


def test_the_last_ten_ratings_come_newest_first(admin_client: Client) -> None:
    team = factories.team()
    made = [factories.feedback(team, created_at=TIME + timedelta(minutes=minute)) for minute in range(11)]

    assert [int(row[0]) for row in rows_of(admin_client, "last-ratings")] == [row.pk for row in reversed(made[1:])]


def test_quality_is_broken_down_by_model_with_its_sample_size(admin_client: Client) -> None:
    team = factories.team()
    factories.feedback(team, quality_score=5, is_correct=True)
    factories.feedback(team, quality_score=4, is_correct=False)
    factories.feedback(team, quality_score=1, is_correct=None, served_model="gpt-large")

    assert rows_of(admin_client, "quality-by-model") == [
        ["openai/gpt-small", "2", "4.5", "0.5"],
        ["openai/gpt-large", "1", "1.0", ""],
    ]


def test_only_active_overrides_of_high_confidence_are_reported(admin_client: Client) -> None:
    override("code", "high")
    override("analysis", "medium")
    override("factual", "high", status="revoked")

    assert rows_of(admin_client, "confident-overrides") == [
        ["code", "all", "acme/small", "0.9", "12", "4.5", "", "0.001500000", "2026-03-04T12:30:00+00:00"]
    ]


def test_decisions_of_a_day_leave_out_older_ones_and_lead_to_the_ledger(admin_client: Client) -> None:
    team, now = factories.team("builders"), timezone.now()
    recent = factories.ledger_entry(team, created_at=now - timedelta(hours=23))
    factories.ledger_entry(team, created_at=now - timedelta(hours=25))

    (row,) = rows_of(admin_client, "last-decisions")

    assert row[0] == str(recent.request_id)
    assert row[2:] == [
        "builders",
        "complexity",
        "general",
        "medium",
        "openai/gpt-small",
        "settled",
        "0.001000000",
        "0.002000000",
        "simple prompt",
    ]
    link = f'href="/admin/routing/ledgerentry/{recent.request_id}/change/"'
    assert link in admin_client.get(f"{REPORTS}last-decisions/").content.decode()


def test_text_of_callers_is_no_formula_in_a_spreadsheet(admin_client: Client) -> None:
    factories.feedback(factories.team(), user_id="=cmd|' /C calc'!A0", comment="-1 for style")

    (row,) = rows_of(admin_client, "last-ratings")

    assert row[-2:] == ["'=cmd|' /C calc'!A0", "'-1 for style"]


def test_a_report_is_for_those_who_may_view_its_table(client: Client) -> None:
    user = User.objects.create_user("newcomer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_learningoverride"))
    client.force_login(user)

    assert client.get(f"{REPORTS}confident-overrides/").status_code == 200
    assert client.get(f"{REPORTS}last-ratings/?format=csv").status_code == 403
    assert [report.name for report in client.get(REPORTS).context["reports"]] == ["confident-overrides"]


def test_an_unknown_report_is_not_found_and_a_visitor_is_asked_to_log_in(admin_client: Client) -> None:
    assert admin_client.get(f"{REPORTS}nothing/").status_code == 404
    assert Client().get(f"{REPORTS}last-ratings/")["Location"].startswith("/admin/login/")
