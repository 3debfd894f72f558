"""Features and the rollout, as staff work with them in the admin."""

from datetime import timedelta
from typing import Any

from playwright.sync_api import Page, expect

from accounts.models import Team
from accounts.services import features, rollout
from routing.services import database_clock
from tests import factories

HOUR = timedelta(hours=1)


def test_feature_is_switched_off_for_a_team_with_a_reason(
    staff_page: Page, site: str, assert_accessible: Any, screenshot: Any
) -> None:
    team = factories.team("search")
    features.disable("trends", reason="slow since the upgrade", actor="ada", now=database_clock.now())

    staff_page.goto(f"{site}/admin/features/")
    assert_accessible(staff_page)
    screenshot(staff_page, "features")
    staff_page.get_by_role("link", name="Switch roi off").click()
    assert_accessible(staff_page)
    screenshot(staff_page, "feature-switch")
    staff_page.get_by_label("For").select_option("search")
    staff_page.get_by_label("Reason").fill("wrong sums")
    staff_page.get_by_role("button", name="Switch off").click()

    expect(staff_page.get_by_text("The feature roi is off for team search")).to_be_visible()
    expect(staff_page.get_by_role("cell", name="wrong sums")).to_be_visible()
    features.forget()
    assert not features.is_enabled("roi", team)


def test_rollout_is_started_confirmed_overridden_and_rolled_back(
    staff_page: Page, site: str, assert_accessible: Any, screenshot: Any
) -> None:
    for number in range(20):
        factories.team(f"team-{number}")
    rollout.start(["insights", "ranking"], actor="ada", now=database_clock.now() - 30 * HOUR)
    for number in range(150):
        factories.ledger_entry(
            Team.objects.get(slug=f"team-{number % 20}"),
            created_at=database_clock.now() - HOUR,
            overhead_ms=3.0 + number % 5,
        )

    staff_page.goto(f"{site}/admin/rollout/")
    assert_accessible(staff_page)
    staff_page.get_by_label("The teams of this phase know").check()
    staff_page.get_by_role("button", name="Keep").click()
    staff_page.get_by_label("What went wrong").fill("One team saw yesterday's figures")
    staff_page.get_by_role("button", name="Add").click()
    screenshot(staff_page, "rollout-phase-1")
    staff_page.get_by_role("link", name="Go on although criteria do not hold").click()
    screenshot(staff_page, "rollout-override")
    staff_page.get_by_label("Reason").fill("a trial")
    staff_page.get_by_role("button", name="Override and go on").click()

    expect(staff_page.get_by_role("heading", name="Phase 2 of 4: 5 of 20 teams")).to_be_visible()
    expect(staff_page.get_by_role("cell", name="a trial")).to_be_visible()
    screenshot(staff_page, "rollout-phase-2")
    staff_page.get_by_role("link", name="Roll back").click()
    staff_page.get_by_label("Reason").fill("complaints")
    staff_page.get_by_role("button", name="Roll back").click()
    expect(staff_page.get_by_role("heading", name="Phase 1 of 4: 2 of 20 teams")).to_be_visible()
