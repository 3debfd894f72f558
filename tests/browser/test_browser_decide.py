"""The page that shows where a prompt would go."""

from playwright.sync_api import Page, expect

from tests import factories


def test_a_prompt_is_decided_by_every_strategy_side_by_side(staff_page: Page, assert_accessible, screenshot) -> None:
    provider = factories.provider("openai")
    factories.price(factories.language_model(provider, "small", tier="simple"), "0.10", "0.10")
    factories.price(factories.language_model(provider, "medium", tier="moderate"), "1.00", "1.00")
    factories.price(factories.language_model(provider, "large", tier="complex"), "9.00", "9.00")
    # The server looks twice a second whether its configuration has changed.
    factories.api_key(factories.team("alpha"))
    staff_page.goto("/dashboard/decide")
    assert_accessible(staff_page)

    staff_page.get_by_role("button", name="A fact").click()
    staff_page.get_by_role("button", name="Decide").click()

    expect(staff_page.locator(".verdict .to")).to_contain_text("small")
    expect(staff_page.locator(".strategy")).to_have_count(3)
    expect(staff_page.locator(".candidates tbody tr")).to_have_count(3)
    expect(staff_page.locator("tr.is-chosen")).to_contain_text("small")
    assert_accessible(staff_page)
    screenshot(staff_page, "decide")


def test_a_prompt_that_no_model_can_serve_says_so(staff_page: Page) -> None:
    staff_page.goto("/dashboard/decide")

    staff_page.get_by_label("Prompt").fill("Hello")
    staff_page.keyboard.press("Control+Enter")

    expect(staff_page.locator(".verdict .why")).to_contain_text("the catalog is empty")
