"""The watch over pages sees what it is there for; what it overlooked, no other browser test would find."""

from playwright.sync_api import Page, expect


def test_the_landing_page_shows_without_a_fault(page: Page) -> None:
    page.goto("/")

    expect(page.get_by_role("heading", level=1)).to_have_text("AI Cost Optimizer")


def test_an_error_in_the_console_and_a_foreign_request_are_noted(page: Page, open_context) -> None:
    findings = open_context.findings
    page.goto("/")

    page.evaluate("console.error('broken'); fetch('http://127.0.0.1:9/').catch(() => {})")
    page.wait_for_timeout(50)

    noted = findings.unexpected()
    findings.expected += ["broken", "127.0.0.1:9/", "Content Security Policy"]
    assert any("error in the console: broken" in message for message in noted)
    # The page's own policy stops the request before it leaves.
    assert any("Content Security Policy" in message or "127.0.0.1:9" in message for message in noted)
    assert findings.unexpected() == []


def test_staff_are_logged_in(staff_page: Page) -> None:
    staff_page.goto("/admin/")

    expect(staff_page).to_have_title("Start page | AI Cost Optimizer")
