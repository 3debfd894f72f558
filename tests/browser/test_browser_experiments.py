"""The pages of experiments in a browser: read, decided on and started, by mouse, keyboard and phone."""

import pytest
from playwright.sync_api import Page, expect

from experiments.models import Experiment
from routing.selectors import policies as policy_selectors
from tests import factories
from tests.browser import experiment_rows
from tests.browser.conftest import PHONE

LIST = "/admin/experiments/experiment/"
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
PIXELS = "new Set(path.getContext('2d').getImageData(0, 0, path.width, path.height).data).size"


def page_of(experiment: Experiment) -> str:
    return f"{LIST}{experiment.pk}/change/"


def test_an_experiment_is_read_completed_and_promoted_by_its_buttons(
    staff_page: Page, assert_accessible, screenshot
) -> None:
    experiment_rows.running(sample_size=1200, users=30, looks=5)
    staff_page.goto(LIST)
    expect(staff_page.get_by_role("progressbar", name="Progress of Hybrid instead of complexity")).to_be_visible()
    assert_accessible(staff_page)
    screenshot(staff_page, "experiments")
    staff_page.get_by_role("link", name="Hybrid instead of complexity").click()

    expect(staff_page.get_by_role("heading", name="Hybrid wins: cheaper, and no worse than allowed")).to_be_visible()
    # Half of the requests of each arm are rated, and none failed.
    expect(staff_page.get_by_role("row", name="Rated requests")).to_contain_text("50.0%")
    expect(staff_page.locator(".exp-metrics tbody tr")).to_have_count(6)
    assert staff_page.evaluate(PIXELS) > 10
    assert_accessible(staff_page)
    screenshot(staff_page, "experiment")
    staff_page.get_by_text("As a table").click()
    expect(staff_page.get_by_role("region", name="Change of cost over time").get_by_role("row")).to_have_count(7)

    staff_page.get_by_role("link", name="Complete").click()
    expect(staff_page.get_by_text("With what is known now, the decision is: Test costs")).to_be_visible()
    assert_accessible(staff_page)
    screenshot(staff_page, "experiment-complete")
    staff_page.get_by_label("Reason").fill("It is clear enough.")
    staff_page.get_by_role("button", name="Complete").click()

    expect(staff_page.get_by_text("by casey: It is clear enough.")).to_be_visible()
    staff_page.get_by_role("link", name="Promote").click()
    expect(staff_page.get_by_label("Let this arm route")).to_have_value("test")
    staff_page.get_by_label("Reason").fill("As agreed.")
    staff_page.keyboard.press("Enter")

    expect(staff_page.get_by_text("came of it and was let route")).to_be_visible()
    active = policy_selectors.active(None)
    assert active is not None
    assert active.document["strategy"] == "hybrid"
    expect(staff_page.get_by_role("link", name="Promote")).to_have_count(0)


def test_an_experiment_is_started_once_it_was_seen_what_it_needs(
    staff_page: Page, assert_accessible, screenshot
) -> None:
    factories.team("builders")
    staff_page.goto(LIST)
    expect(staff_page.get_by_text("There is none yet")).to_be_visible()
    staff_page.goto(f"{LIST}add/")
    assert_accessible(staff_page)

    staff_page.get_by_label("Name*").fill("Hybrid for all")
    staff_page.get_by_label("Planned requests, both arms together").fill("20000")
    staff_page.keyboard.press("Enter")

    expect(staff_page.get_by_role("region", name="What each metric needs").get_by_role("row")).to_have_count(5)
    assert_accessible(staff_page)
    screenshot(staff_page, "experiment-new")
    staff_page.get_by_role("button", name="Start the experiment").click()

    expect(staff_page.get_by_role("heading", name="Waiting for the first request")).to_be_visible()
    expect(staff_page.get_by_label("A request that joins")).to_contain_text("x-optimizer-experiment")
    assert_accessible(staff_page)
    screenshot(staff_page, "experiment-waiting")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_an_experiment_without_scrolling_sideways(
    open_context, staff, assert_accessible, screenshot, scheme: str
) -> None:
    experiment = experiment_rows.running(users=10, looks=3)
    page = open_context(staff, viewport=PHONE, color_scheme=scheme).new_page()

    page.goto(page_of(experiment))

    expect(page.get_by_role("heading", name="What it waits for")).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0
    assert_accessible(page)
    screenshot(page, f"experiment-phone-{scheme}")
