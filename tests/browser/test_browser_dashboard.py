"""The dashboard in a browser: empty, full, live, after a restart of the server, and for those who use no mouse."""

import re
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Team
from tests import factories
from tests.browser.conftest import PHONE
from tests.browser.rows import a_busy_week
from tests.server import running_gateway

FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


def test_the_empty_page_says_how_to_send_the_first_request_and_fills_by_itself(
    staff_page: Page, assert_accessible, screenshot
) -> None:
    team = factories.team("alpha")
    staff_page.goto("/dashboard/")
    expect(staff_page.get_by_role("heading", name="Change one line")).to_be_visible()
    expect(staff_page.get_by_text("curl http://127.0.0.1")).to_be_visible()
    expect(staff_page.locator("#live")).to_have_attribute("data-state", "live")
    assert_accessible(staff_page)
    screenshot(staff_page, "dashboard-empty")

    factories.ledger_entry(team, created_at=timezone.now(), settled_at=timezone.now())

    expect(staff_page.locator("#saved")).to_have_text("$0.002")
    expect(staff_page.locator("#feed tbody tr")).to_have_count(1)
    expect(staff_page.locator("#empty")).to_be_hidden()


def test_the_full_page_shows_figures_charts_quality_budgets_and_why(
    staff_page: Page, assert_accessible, screenshot
) -> None:
    a_busy_week()

    staff_page.goto("/dashboard/")

    # 70 requests of 0.001 dollars, each against 0.003 of the baseline.
    expect(staff_page.locator("#saved")).to_have_text("$0.14")
    expect(staff_page.locator("#spend")).to_have_text("$0.07")
    expect(staff_page.locator("#saved-detail")).to_have_text("66.7 % less than the baseline would have cost")
    expect(staff_page.locator("#requests")).to_have_text("70")
    expect(staff_page.locator("#models li")).to_have_count(2)
    expect(staff_page.locator("#quality tbody tr")).to_have_count(1)
    expect(staff_page.locator("#budgets li")).to_contain_text("$9.00 of $10.00 this month")
    expect(staff_page.locator("#notices")).to_contain_text("Budget of alpha is nearly spent")
    expect(staff_page.locator("#feed tbody tr").first).to_contain_text("the cheapest model above the floor")
    assert_accessible(staff_page)
    screenshot(staff_page, "dashboard")
    assert staff_page.evaluate(FIRST_PAINT) < 5000


def test_a_request_that_is_made_appears_while_one_looks(staff_page: Page, upstream, server) -> None:
    provider = factories.provider(base_url=upstream.base_url)
    factories.price(factories.language_model(provider, "ok", canonical_name="", max_output_tokens=100))
    _, secret = factories.api_key(factories.team("alpha"))
    factories.ledger_entry(Team.objects.get(slug="alpha"), created_at=timezone.now())
    server.wait_until_it_knows(secret)
    staff_page.goto("/dashboard/?period=24h")
    expect(staff_page.locator("#feed tbody tr")).to_have_count(1)

    answer = staff_page.request.post(
        "/v1/chat/completions",
        headers={"Authorization": f"Bearer {secret}"},
        data={"model": "ok", "messages": [{"role": "user", "content": "Why is the sky blue?"}]},
    )

    assert answer.status == 200
    expect(staff_page.locator("#feed tbody tr")).to_have_count(2)
    expect(staff_page.locator("#feed tbody tr").first).to_contain_text("the caller asked for this model")
    expect(staff_page.locator("#requests-today")).to_have_text("2")


def test_filters_are_in_the_address_and_kept(staff_page: Page) -> None:
    a_busy_week()
    factories.team("beta")
    staff_page.goto("/dashboard/")

    staff_page.get_by_label("Team").select_option("beta")
    expect(staff_page).to_have_url(re.compile(r"team=beta"))
    expect(staff_page.get_by_role("heading", name="Change one line")).to_be_visible()
    staff_page.get_by_label("Team").select_option("alpha")
    staff_page.get_by_text("30 days").click()

    expect(staff_page).to_have_url(re.compile(r"team=alpha&period=30d"))
    expect(staff_page.get_by_role("heading", level=1)).to_have_text("Alpha")
    expect(staff_page.get_by_role("radio", name="30 days")).to_be_checked()
    expect(staff_page.locator("#requests")).to_have_text("70")


def test_after_a_restart_of_the_server_the_page_comes_back_by_itself(
    open_context, staff, expected_findings, tmp_path: Path, site: str
) -> None:
    expected_findings += ["ERR_CONNECTION_REFUSED", "WebSocket connection", "ERR_CONNECTION_RESET"]
    team = factories.team("alpha")
    factories.ledger_entry(team, created_at=timezone.now())
    with running_gateway(tmp_path) as own:
        page = open_context(staff, server_url=own.url).new_page()
        page.goto("/dashboard/")
        expect(page.locator("#live")).to_have_attribute("data-state", "live")
        port = own.port
    expect(page.locator("#live")).to_have_attribute("data-state", "away")
    factories.ledger_entry(team, created_at=timezone.now())

    with running_gateway(tmp_path, port=port):
        expect(page.locator("#live")).to_have_attribute("data-state", "live", timeout=25_000)
        expect(page.locator("#feed tbody tr")).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(
    open_context, staff, assert_accessible, screenshot, scheme: str
) -> None:
    a_busy_week()
    page = open_context(staff, viewport=PHONE, color_scheme=scheme).new_page()

    page.goto("/dashboard/")

    expect(page.locator("#saved")).to_have_text("$0.14")
    expect(page.locator("#feed tbody tr")).to_have_count(12)
    assert page.evaluate(OVERFLOW) <= 0
    assert_accessible(page)
    screenshot(page, f"dashboard-phone-{scheme}")


def test_the_keyboard_reaches_the_content_first_and_then_every_control(staff_page: Page) -> None:
    a_busy_week()
    staff_page.goto("/dashboard/")
    expect(staff_page.locator("#saved")).to_have_text("$0.14")

    staff_page.keyboard.press("Tab")
    expect(staff_page.get_by_role("link", name="Skip to the content")).to_be_focused()
    staff_page.keyboard.press("Enter")
    staff_page.keyboard.press("Tab")
    expect(staff_page.get_by_label("Team")).to_be_focused()
    staff_page.keyboard.press("Tab")
    expect(staff_page.get_by_role("radio", name="7 days")).to_be_focused()


def test_light_and_dark_are_changed_by_hand_and_remembered(staff_page: Page) -> None:
    staff_page.goto("/dashboard/decide")
    staff_page.get_by_role("button", name="Change between light and dark").click()
    staff_page.goto("/dashboard/")

    expect(staff_page.locator("html")).to_have_attribute("data-theme", "dark")


def test_whoever_is_not_staff_is_sent_to_log_in(page: Page) -> None:
    page.goto("/dashboard/")

    expect(page).to_have_url(re.compile(r"/admin/login/\?next=/dashboard/"))
