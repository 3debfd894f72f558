"""The admin's own pages in a browser: the start page empty and full, and what it leads to."""

from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Budget, BudgetPeriod
from learning.models import LearningAlert, LearningOverride
from learning.services import alerts
from tests import factories
from tests.browser.conftest import PHONE
from tests.learning.rated_models import rate

START = "/admin/"
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


def a_day(requests: int = 40) -> None:
    """Write a day of requests, some of them rated, and two things that need attention."""
    team, now = factories.team("builders"), timezone.now()
    for number in range(requests):
        at = now - timedelta(minutes=7 * number)
        entry = factories.ledger_entry(
            team,
            created_at=at,
            latency_ms=200 + 40 * number,
            attempts=[
                {"provider": "acme", "model": "small", "state": "failed", "code": "timeout"},
                {"provider": "openai", "model": "gpt-small", "state": "succeeded", "latency_ms": 200},
            ],
        )
        factories.feedback(
            team, created_at=at, ledger_request_id=entry.pk, quality_score=1 + number % 5, user_id=f"user-{number}"
        )
    budget = Budget.objects.create(team=team, period="day", limit_nano_usd=10_000_000_000)
    BudgetPeriod.objects.create(
        budget=budget, period_start=now.date(), limit_nano_usd=10_000_000_000, spent_nano_usd=9_000_000_000
    )
    LearningAlert.objects.create(
        kind="vote_anomaly", pattern="code", message="40 ratings of code in an hour, 4 are usual.", raised_at=now
    )
    LearningOverride.objects.create(
        pattern="code",
        provider="openai",
        model="gpt-small",
        confidence="high",
        confidence_score=0.93,
        sample_count=41,
        avg_quality=4.4,
        status="active",
        reason="the best rated",
        created_at=now,
    )


def test_the_start_page_leads_to_what_needs_attention_and_along_a_request(
    staff_page: Page, assert_accessible, screenshot
) -> None:
    staff_page.goto(START)
    expect(staff_page.get_by_role("heading", name="No request yet")).to_be_visible()
    assert_accessible(staff_page)
    screenshot(staff_page, "admin-start-empty")

    a_day()
    staff_page.goto(START)
    expect(staff_page.get_by_role("link", name="Budget of builders is nearly spent")).to_be_visible()
    assert_accessible(staff_page)
    screenshot(staff_page, "admin-start")

    staff_page.get_by_role("link", name="Database").click()
    expect(staff_page.get_by_role("region", name="Table: tables")).to_contain_text("routing_metrics")
    assert_accessible(staff_page)
    screenshot(staff_page, "admin-database")

    staff_page.goto(START)
    staff_page.get_by_label("Pages of the product").get_by_role("link", name="Reports").click()
    screenshot(staff_page, "admin-reports")
    staff_page.get_by_role("link", name="Decisions of the last 24 hours").click()
    rows = staff_page.get_by_role("region", name="Table: Decisions of the last 24 hours").get_by_role("row")
    expect(rows).to_have_count(41)
    assert_accessible(staff_page)
    screenshot(staff_page, "admin-report")

    rows.nth(1).get_by_role("link").click()
    expect(staff_page.get_by_role("region", name="Table: attempts").get_by_role("row")).to_have_count(3)
    expect(staff_page.get_by_role("link", name="1 of 5 stars")).to_be_visible()
    screenshot(staff_page, "admin-request")


def test_a_phone_shows_the_start_page_without_scrolling_sideways(
    open_context, staff, assert_accessible, screenshot
) -> None:
    a_day(requests=3)
    page = open_context(staff, viewport=PHONE, color_scheme="dark").new_page()

    page.goto(START)

    expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0
    assert_accessible(page)
    screenshot(page, "admin-start-phone")


def test_staff_bound_what_upgrades_of_a_team_may_cost_and_read_of_a_flood(
    staff_page: Page, assert_accessible, screenshot
) -> None:
    team = factories.team("builders")
    staff_page.goto(f"/admin/accounts/team/{team.pk}/change/")
    assert_accessible(staff_page)
    staff_page.get_by_label("Upgrade limit percent").fill("30")
    screenshot(staff_page, "admin-team")
    staff_page.get_by_role("button", name="Save", exact=True).click()
    expect(staff_page.get_by_text("was changed successfully")).to_be_visible()
    team.refresh_from_db()
    assert team.upgrade_limit_percent == 30

    rate(team, 60, user_id="eve", requested_at=timezone.now() - timedelta(hours=1))
    [alert] = alerts.tell_of_floods(None, now=timezone.now())
    staff_page.goto(f"/admin/learning/learningalert/{alert.pk}/change/")
    expect(staff_page.get_by_text("far more ratings than count")).to_be_visible()
    expect(staff_page.get_by_text('"user_id": "eve"').first).to_be_visible()
    assert_accessible(staff_page)
    screenshot(staff_page, "admin-flood")
