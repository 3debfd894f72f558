"""Logging in as staff: how often one may fail, and the second factor."""

import re
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.services import login_throttle, second_factor
from tests import factories

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
SETUP = "/admin/auth/user/second-factor/"
PASSWORD = "correct horse battery"


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", password=PASSWORD)


def log_in(client: Client, password: str = PASSWORD, code: str = "", name: str = "ada", **extra: Any) -> Any:
    return client.post(LOGIN, {"username": name, "password": password, "code": code}, **extra)


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def code_of(device: TOTPDevice, *, steps: int = 0) -> str:
    """Return the code that an app shows now, or so many steps of 30 seconds later."""
    return f"{totp(device.bin_key, t0=-30 * steps):06d}"


def set_up(user: User) -> tuple[TOTPDevice, list[str]]:
    return second_factor.confirm(user, code_of(second_factor.begin(user)))


def test_who_fails_too_often_waits_and_others_do_not(client: Client, ada: User) -> None:
    User.objects.create_superuser("bob", password=PASSWORD)
    answers = [log_in(client, "wrong").status_code for _ in range(5)]

    assert answers == [200, 200, 200, 200, 429]
    blocked = log_in(client)
    assert blocked.status_code == 429
    assert "Wait 15 minutes" in blocked.content.decode()
    assert log_in(Client(), name="bob").status_code == 302
    assert log_in(Client(), REMOTE_ADDR="10.0.0.9").status_code == 302


def test_a_forged_header_is_no_other_address(client: Client, ada: User) -> None:
    for number in range(5):
        log_in(client, "wrong", headers={"x-forwarded-for": f"10.0.0.{number}"})

    assert log_in(client, headers={"x-forwarded-for": "10.0.0.99"}).status_code == 429


def test_trying_many_names_from_one_address_is_bounded_too(client: Client, ada: User) -> None:
    AccessAttempt.objects.create(ip_address="127.0.0.1", username="many", user_agent="", failures_since_start=49)

    assert log_in(client, "wrong", name="nobody").status_code == 429
    assert log_in(client).status_code == 429


def test_failures_count_no_more_once_they_are_forgotten_or_old(client: Client, ada: User) -> None:
    for _ in range(5):
        log_in(client, "wrong")
    AccessAttempt.objects.update(post_data="", get_data="")
    assert login_throttle.forget("ada") == 1
    assert log_in(client).status_code == 302


def test_a_right_password_clears_the_failures(client: Client, ada: User) -> None:
    for _ in range(4):
        log_in(client, "wrong")
    log_in(client)

    assert not AccessAttempt.objects.exists()


def test_no_password_is_kept_of_a_failure(client: Client, ada: User) -> None:
    log_in(client, "my other password", code="314159")

    kept = str(AccessAttempt.objects.values().get())
    assert "my other password" not in kept
    assert "314159" not in kept


def test_commands_that_come_without_a_request_are_not_throttled(ada: User) -> None:
    assert authenticate(username="ada", password=PASSWORD) == ada


def test_staff_set_up_a_second_factor_and_are_asked_for_it_from_then_on(client: Client, ada: User) -> None:
    log_in(client)
    shown = client.get(SETUP).content.decode()
    device = TOTPDevice.objects.get(user=ada, confirmed=False)
    assert "data:image/svg+xml" in shown
    assert second_factor.secret(device) in shown

    assert client.post(SETUP, {"code": "abcdef"}).status_code == 422
    codes = re.findall(r"<code>([a-z2-7]{16})</code>", client.post(SETUP, {"code": code_of(device)}).content.decode())

    assert len(codes) == 10
    assert is_in(client)
    assert log_in(Client()).status_code == 200
    later = Client()
    assert log_in(later, code=code_of(device, steps=1)).status_code == 302
    assert is_in(later)


def test_a_code_is_taken_once_and_a_recovery_code_too(ada: User) -> None:
    _device, codes = set_up(ada)
    first, second = Client(), Client()

    assert log_in(first, code=f" {codes[0].upper()[:8]}-{codes[0][8:]} ").status_code == 302
    assert is_in(first)
    assert log_in(second, code=codes[0]).status_code == 200
    assert second_factor.recovery_codes_left(ada) == 9


def test_a_used_code_of_the_app_is_refused(ada: User) -> None:
    device, _codes = set_up(ada)

    with pytest.raises(second_factor.WrongCode):
        second_factor.verify(ada, code_of(device))


def test_after_wrong_codes_the_next_one_waits(ada: User) -> None:
    device, _codes = set_up(ada)
    # Ten wrong ones in a row: the next waits for 2 ** 9 seconds.
    TOTPDevice.objects.update(throttling_failure_timestamp=timezone.now(), throttling_failure_count=10)

    with pytest.raises(second_factor.WrongCode):
        second_factor.verify(ada, code_of(device, steps=1))


def test_recovery_codes_are_not_kept_in_clear(ada: User) -> None:
    _device, codes = set_up(ada)

    kept = {row.token for row in StaticToken.objects.all()}
    assert len(kept) == 10
    assert not kept & set(codes)


def test_a_session_from_before_is_nobodys_once_there_is_a_second_factor(client: Client, ada: User) -> None:
    log_in(client)
    set_up(ada)

    assert client.get("/admin/").status_code == 302
    assert client.get("/stats").status_code == 401


def test_wrong_passwords_say_nothing_of_a_second_factor(client: Client, ada: User) -> None:
    set_up(ada)

    assert "code of your app or" not in log_in(client, "wrong").content.decode()
    assert "code of your app or" in log_in(client).content.decode()


def test_superusers_must_set_it_up_where_that_is_required(client: Client, ada: User, settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    log_in(client)

    assert client.get("/admin/")["Location"] == SETUP
    assert client.get("/stats", headers={"accept": "application/json"}).status_code == 401
    client.post(SETUP, {"code": code_of(second_factor.begin(ada))})
    assert is_in(client)
    viewer = Client()
    viewer.force_login(factories.staff())
    assert is_in(viewer)


def test_it_is_removed_with_a_code_only(client: Client, ada: User) -> None:
    log_in(client)
    client.post(SETUP, {"code": code_of(second_factor.begin(ada))})
    [code, *_] = second_factor.make_recovery_codes(ada)

    assert client.post(SETUP, {"code": "wrong", "remove": "1"}).status_code == 422
    assert second_factor.device_of(ada) is not None
    # The wrong code made the next one wait for a second.
    StaticDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    client.post(SETUP, {"code": code, "remove": "1"})
    assert second_factor.device_of(ada) is None
