"""How sessions and passwords of staff begin and end, as the checklist of docs/SECURITY-CHECKLIST.md has it."""

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", password=PASSWORD)


def log_in(client: Client, path: str = "/admin/login/") -> str:
    answer = client.post(path, {"username": "ada", "password": PASSWORD})
    return str(answer.headers["Location"])


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_the_log_in_makes_a_new_session_and_the_log_out_ends_it(client: Client, ada: User) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "chosen-by-somebody-else-0123456789"
    log_in(client)
    mine = client.cookies[settings.SESSION_COOKIE_NAME].value
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = mine
    assert (len(mine), is_in(thief)) == (32, True)

    client.post("/admin/logout/")

    assert not is_in(thief)


@pytest.mark.parametrize(
    "target", ["https://evil.example.com/", "//evil.example.com/", "/\\evil.example.com", "javascript:x"]
)
def test_a_redirect_after_the_log_in_stays_on_this_host(client: Client, ada: User, target: str) -> None:
    answer = client.post("/admin/login/", {"username": "ada", "password": PASSWORD, "next": target})

    assert answer.headers["Location"] in ("/admin/", "/accounts/profile/")


def test_a_user_who_is_made_inactive_is_out(client: Client, ada: User) -> None:
    log_in(client)

    User.objects.update(is_active=False)

    assert not is_in(client)


def test_a_new_password_ends_all_other_sessions(client: Client, ada: User) -> None:
    log_in(client)
    other = Client()
    log_in(other)
    new = "another horse, another battery"

    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    refused = client.post("/admin/password_change/", {**form, "old_password": "a guess"})
    client.post("/admin/password_change/", form)

    assert refused.status_code == 200  # The form, again.
    assert (is_in(client), is_in(other)) == (True, False)


@pytest.mark.parametrize("password", ["Passw0rd", "12345678", "seven77"])
def test_a_short_or_common_password_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


def test_passwords_are_as_long_as_one_likes_and_none_that_is_common(client: Client) -> None:
    # 200 characters, spaces and all, of which the last one counts.
    long = "ä 1" * 66 + "xy"
    validate_password(long)
    user = User(username="ada")
    user.set_password(long)

    assert user.check_password(long)
    assert not user.check_password(long[:-1])
    assert not user.check_password(long.upper())
