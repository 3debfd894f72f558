"""Logging in with a second factor, and reading the database with SQL, as people do it."""

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Page, expect

from tests import factories

PASSWORD = "correct horse battery"


@pytest.fixture
def ada(transactional_db: None, settings: Any) -> User:
    # The server takes no passwords that were hashed in the quick way of the tests.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
    return get_user_model().objects.create_superuser("ada", password=PASSWORD)


def log_in(page: Page, code: str = "") -> None:
    page.goto("/admin/login/?next=/admin/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Log in").click()


def test_a_second_factor_is_set_up_and_then_asked_for(
    page: Page, ada: User, open_context, assert_accessible, screenshot
) -> None:
    log_in(page)
    expect(page.get_by_role("heading", name="No request yet")).to_be_visible()

    page.goto("/admin/auth/user/second-factor/")
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert_accessible(page)
    screenshot(page, "admin-second-factor")
    device = TOTPDevice.objects.get(user=ada)
    page.get_by_label("Code").fill(f"{totp(device.bin_key):06d}")
    page.get_by_role("button", name="Set up").click()
    codes = page.get_by_role("listitem").filter(has_text=re.compile(r"^[a-z2-7]{16}$"))
    expect(codes).to_have_count(10)
    recovery = codes.first.inner_text()
    screenshot(page, "admin-recovery-codes")

    other = open_context().new_page()
    log_in(other)
    expect(other.get_by_text("with the code of your app")).to_be_visible()
    assert_accessible(other)
    screenshot(other, "admin-login")
    log_in(other, recovery)
    expect(other.get_by_role("heading", name="No request yet")).to_be_visible()


def test_who_fails_too_often_is_told_to_wait(page: Page, ada: User, screenshot, expected_findings) -> None:
    expected_findings.append("429")
    for _ in range(5):
        page.goto("/admin/login/")
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()

    expect(page.get_by_role("alert")).to_contain_text("Wait 15 minutes")
    screenshot(page, "admin-locked-out")


def test_sql_is_run_and_an_action_asks_why(staff_page: Page, assert_accessible, screenshot, expected_findings) -> None:
    expected_findings.append("422")
    staff_page.goto("/admin/sql/")
    staff_page.get_by_label("One SELECT").fill("SELECT app, name FROM django_migrations ORDER BY id LIMIT 5")
    staff_page.get_by_role("button", name="Run").click()
    expect(staff_page.get_by_role("region", name="Table: answer").get_by_role("row")).to_have_count(6)
    assert_accessible(staff_page)
    screenshot(staff_page, "admin-sql")
    staff_page.get_by_label("One SELECT").fill("DELETE FROM django_migrations")
    staff_page.get_by_role("button", name="Run").click()
    expect(staff_page.get_by_role("alert")).to_be_visible()

    provider = factories.provider("acme")
    staff_page.goto("/admin/routing/provider/")
    staff_page.locator(f"input[name=_selected_action][value='{provider.pk}']").check()
    staff_page.get_by_label("Select action to run").select_option("pause")
    screenshot(staff_page, "admin-list")
    staff_page.get_by_role("button", name="Run").click()
    staff_page.get_by_label("Reason").fill("it answers slowly")
    assert_accessible(staff_page)
    screenshot(staff_page, "admin-confirm")
    staff_page.get_by_role("button", name="Pause").click()
    expect(staff_page.get_by_text("Providers paused: 1.")).to_be_visible()
    staff_page.goto("/admin/admin/logentry/")
    expect(staff_page.get_by_text("it answers slowly")).to_be_visible()
    screenshot(staff_page, "admin-history")
