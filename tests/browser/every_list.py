"""Opens every list of the admin and takes every action that it offers: `make test-lists`, some six minutes.

The suite has what a browser adds in pieces, and opens every page through Django's test client.
"""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.every_admin_row import ROWS

# What staff are told after an action, whether it was done or refused with its reason.
TOLD = "li > div.rounded-default"


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label_lower)
def test_a_list_opens_and_each_of_its_actions_is_taken(model: type[Model], staff_page: Page, assert_accessible: Any):
    row = ROWS[model]()
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    staff_page.goto(address)
    expect(staff_page.get_by_role("table").first).to_be_visible()
    assert_accessible(staff_page)

    menu = staff_page.get_by_label("Select action to run")
    actions = [value for value in menu.locator("option").evaluate_all("list => list.map(one => one.value)") if value]
    assert "export_csv" in actions
    for action in sorted(actions, key="delete_selected".__eq__):
        staff_page.goto(address)
        chosen = staff_page.locator(f"input[name=_selected_action][value='{row.pk}']")
        chosen.check()
        menu.select_option(action)
        take(staff_page, action)


def take(page: Page, action: str) -> None:
    """Take the chosen action: a file comes, or a page asks first and then the list says what was done."""
    run = page.get_by_role("button", name="Run", exact=True)
    if action == "export_csv":
        with page.expect_download() as download:
            run.click()
        assert download.value.suggested_filename.endswith(".csv")
        return
    run.click()
    # The product's own actions ask why; deleting, which is Django's, asks whether one is sure; others ask nothing.
    question, told = page.locator("form:has(#reason), form:has(input[name=post])"), page.locator(TOLD)
    expect(question.or_(told).first).to_be_visible()
    for form in question.all():
        for reason in form.locator("#reason").all():
            reason.fill("as tried in a browser")
        form.locator("[type=submit]").click()
    expect(told.first).to_be_visible()
