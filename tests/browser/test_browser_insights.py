"""The page of a team's cost reviews in a browser: reviewed, answered, taken back, on a phone as well."""

import pytest
from playwright.sync_api import Page, expect

from routing.models import TeamRule
from routing.services import database_clock
from tests.browser.conftest import PHONE
from tests.insights import review_rows

PAGE = "/admin/insights/finding/team/search/"
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(autouse=True)
def traffic(site: str) -> None:
    review_rows.team_with_traffic(database_clock.now())


def test_a_suggestion_is_read_applied_and_taken_back(staff_page: Page, assert_accessible, screenshot) -> None:
    staff_page.goto(PAGE)
    staff_page.get_by_role("button", name="Review now").click()
    card = staff_page.locator("section.ins-card", has_text="would answer code requests").first
    expect(card).to_contain_text("all go to openai/gpt-cheap")
    card.get_by_text("Evidence and place").click()
    expect(card.get_by_role("row", name="cheaper model ratings")).to_be_visible()
    assert_accessible(staff_page)
    screenshot(staff_page, "insights-team")

    card.get_by_label("Reason").fill("Good enough for us.")
    card.get_by_role("button", name="Accept and apply").click()
    expect(staff_page.get_by_role("region", name="Applied actions")).to_contain_text("not known yet")
    assert TeamRule.objects.get().model == "openai/gpt-cheap"
    assert_accessible(staff_page)
    screenshot(staff_page, "insights-applied")

    staff_page.get_by_role("button", name="Take back").click()
    expect(staff_page.get_by_role("region", name="Applied actions")).to_contain_text("taken back by")
    assert not TeamRule.objects.exists()


def test_the_page_fits_a_phone_in_the_dark(staff, open_context, assert_accessible, screenshot) -> None:
    page = open_context(staff, viewport=PHONE, color_scheme="dark").new_page()
    page.goto(PAGE)
    page.get_by_role("button", name="Review now").click()
    expect(page.locator("section.ins-card").first).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0
    assert_accessible(page)
    screenshot(page, "insights-phone")
