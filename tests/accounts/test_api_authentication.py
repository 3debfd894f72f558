from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from django.urls import path
from django.utils import timezone
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import ApiKeyUsage
from accounts.permissions import IsAdminScopeOrStaff, request_team
from accounts.services import api_keys
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class Whoami(APIView):
    def get(self, request: Request) -> Response:
        team = request_team(request)
        return Response({"user": str(request.user), "team": team and team.slug})

    post = get


class Control(Whoami):
    permission_classes = (IsAdminScopeOrStaff,)


urlpatterns = [path("whoami", Whoami.as_view()), path("control", Control.as_view())]


@pytest.fixture(autouse=True)
def plain_errors(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = False


@pytest.mark.parametrize(
    "headers",
    [
        lambda secret: {"authorization": f"Bearer {secret}"},
        lambda secret: {"authorization": f"bearer   {secret} "},
        lambda secret: {"x-api-key": secret},
    ],
)
def test_a_key_acts_for_its_team_by_either_header(client: Client, headers: Callable[[str], dict[str, str]]) -> None:
    _, secret = factories.api_key(factories.team("search"))

    response = client.get("/whoami", headers=headers(secret))

    assert (response.status_code, response.json()) == (200, {"user": "team search", "team": "search"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer aco_unknown"},
        {"authorization": "Bearer ключ"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"x-api-key": ""},
        {"x-api-key": "aco_unknown\x00"},
    ],
)
def test_no_key_or_a_wrong_one_is_401(client: Client, headers: dict[str, str]) -> None:
    response = client.get("/whoami", headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_an_expired_key_a_revoked_one_and_one_of_an_inactive_team_are_401(client: Client) -> None:
    now = timezone.now()
    _, expired = factories.api_key(expires_at=now - timedelta(seconds=1))
    revoked_key, revoked = factories.api_key()
    api_keys.revoke(revoked_key, now)
    _, inactive = factories.api_key(factories.team(is_active=False))

    answers = [client.get("/whoami", headers=factories.bearer(one)) for one in (expired, revoked, inactive)]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


def test_control_routes_open_to_the_admin_scope_and_to_staff_only(client: Client) -> None:
    _, plain = factories.api_key()
    _, admin = factories.api_key(scopes=["admin"])

    assert client.get("/control", headers=factories.bearer(plain)).status_code == 403
    assert client.get("/control", headers=factories.bearer(admin)).status_code == 200
    client.force_login(factories.staff("staff", role="operator"))
    assert client.get("/control").status_code == 200


def test_staff_look_with_any_role_and_change_something_as_operators(client: Client) -> None:
    statuses = {}
    for role in ("", "viewer", "operator", "admin"):
        client.force_login(factories.staff(f"a-{role or 'newcomer'}", role=role))
        statuses[role] = (client.get("/control").status_code, client.post("/control").status_code)

    assert statuses == {"": (403, 403), "viewer": (200, 403), "operator": (200, 200), "admin": (200, 200)}


def test_staff_see_all_teams_and_other_users_nothing(client: Client) -> None:
    client.force_login(User.objects.create_user("visitor"))
    assert client.get("/whoami").status_code == 403

    client.force_login(factories.staff("staff", role="operator"))
    assert client.get("/whoami").json() == {"user": "staff", "team": None}


def test_a_session_needs_a_csrf_token_to_write_and_a_key_does_not() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.staff("staff", role="operator"))
    _, secret = factories.api_key()

    assert client.post("/whoami").status_code == 403
    assert client.post("/whoami", headers=factories.bearer(secret)).status_code == 200


def test_an_open_api_needs_no_key_but_refuses_a_wrong_one(client: Client, settings: Settings) -> None:
    settings.OPTIMIZER_OPEN_API = True

    assert client.get("/whoami").json() == {"user": "AnonymousUser", "team": None}
    assert client.get("/control").status_code == 200
    assert client.get("/whoami", headers=factories.bearer("aco_wrong")).status_code == 401


@contextmanager
def failing(statement: str) -> Iterator[None]:
    """Fail every statement that begins so, as a database does that is away or full."""

    def execute(run: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        return _fail() if sql.startswith(statement) else run(sql, *arguments)

    with connection.execute_wrapper(execute):
        yield


def _fail() -> NoReturn:
    raise OperationalError("the database is away")


def test_a_database_that_is_away_is_not_a_bad_key(client: Client) -> None:
    _, secret = factories.api_key()
    client.raise_request_exception = False

    with failing("SELECT"):
        response = client.get("/whoami", headers=factories.bearer(secret))

    assert response.status_code >= 500


def test_a_key_is_noted_as_used_and_reading_goes_on_where_that_cannot_be_written(client: Client) -> None:
    _, secret = factories.api_key()

    with failing("INSERT"):
        assert client.get("/whoami", headers=factories.bearer(secret)).status_code == 200
    assert ApiKeyUsage.objects.count() == 0

    client.get("/whoami", headers=factories.bearer(secret))
    first = ApiKeyUsage.objects.get().last_used_at
    client.get("/whoami", headers=factories.bearer(secret))
    assert ApiKeyUsage.objects.get().last_used_at == first
