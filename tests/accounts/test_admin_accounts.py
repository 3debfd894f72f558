from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.admin.base import dollars
from accounts.models import ApiKey, Budget, BudgetPeriod, Team
from accounts.services import api_keys, budgets, config_version
from tests import factories

pytestmark = pytest.mark.django_db


def post(client: Client, url: str, **data: Any) -> Any:
    response = client.post(url, data)
    assert response.status_code == 302, response.context["adminform"].form.errors
    return response


def issue_in_admin(client: Client, team: Team, **data: Any) -> tuple[Any, str]:
    response = post(client, "/admin/accounts/apikey/add/", team=team.id, name="laptop", **data)
    [shown] = [str(message) for message in get_messages(response.wsgi_request) if "new key" in str(message)]
    return response, shown


def test_secret_of_a_new_key_is_shown_once_and_works(admin_client: Client) -> None:
    team = factories.team()
    _, shown = issue_in_admin(admin_client, team, scopes=["admin"], requests_per_minute=30)
    [secret] = [word for word in shown.split() if word.startswith("aco_")]
    issued = ApiKey.objects.get()
    assert issued.key_hash == api_keys.hash_secret(secret)
    assert (issued.team, issued.name, issued.scopes, issued.requests_per_minute) == (team, "laptop", ["admin"], 30)

    first, second = (admin_client.get("/admin/accounts/apikey/").content.decode() for _ in range(2))
    assert secret in first
    assert secret not in second


def test_secret_of_a_new_key_is_stored_nowhere(admin_client: Client) -> None:
    _, shown = issue_in_admin(admin_client, factories.team())
    [secret] = [word for word in shown.split() if word.startswith("aco_")]
    random_part = secret.rpartition("_")[2]
    stored = [str(row) for model in (ApiKey, LogEntry) for row in model.objects.values()]
    sessions = [str(session.get_decoded()) for session in Session.objects.all()]
    assert not any(random_part in text for text in stored + sessions)


def test_key_is_edited_without_a_new_secret(admin_client: Client) -> None:
    key, secret = factories.api_key()
    version = config_version.current()
    post(admin_client, f"/admin/accounts/apikey/{key.id}/change/", name="renamed", requests_per_minute=5)
    key.refresh_from_db()
    assert (key.name, key.requests_per_minute) == ("renamed", 5)
    assert key.key_hash == api_keys.hash_secret(secret)
    assert config_version.current() > version


def test_keys_are_revoked_by_action(admin_client: Client) -> None:
    key, _ = factories.api_key()
    other, _ = factories.api_key()
    chosen = {"action": "revoke", "_selected_action": [key.id]}
    assert "refused within a second" in admin_client.post("/admin/accounts/apikey/", chosen).content.decode()
    key.refresh_from_db()
    assert key.revoked_at is None

    post(admin_client, "/admin/accounts/apikey/", **chosen, confirmed="yes", reason="it was in a log")
    key.refresh_from_db()
    other.refresh_from_db()
    assert key.revoked_at is not None
    assert other.revoked_at is None


def test_keys_and_teams_cannot_be_deleted(admin_client: Client) -> None:
    key, _ = factories.api_key()
    for url in (f"/admin/accounts/apikey/{key.id}/delete/", f"/admin/accounts/team/{key.team_id}/delete/"):
        assert admin_client.post(url, {"post": "yes"}).status_code == 403


def test_change_of_a_team_is_announced(admin_client: Client) -> None:
    team = factories.team("red")
    version = config_version.current()
    post(admin_client, f"/admin/accounts/team/{team.id}/change/", slug="red", name="Red", is_active="on")
    team.refresh_from_db()
    assert team.name == "Red"
    assert config_version.current() > version


def test_budget_is_entered_in_dollars(admin_client: Client) -> None:
    team = factories.team()
    version = config_version.current()
    post(
        admin_client, "/admin/accounts/budget/add/", team=team.id, period="day", is_hard="on", limit_usd="12.345678901"
    )
    assert Budget.objects.get().limit_nano_usd == 12_345_678_901
    assert config_version.current() > version


def test_changed_limit_holds_in_the_current_period(admin_client: Client) -> None:
    today = timezone.now().date()
    budget = budgets.set_budget(team=factories.team(), period="day", limit_nano_usd=1_000_000_000, today=today)
    period = BudgetPeriod.objects.create(budget=budget, period_start=today, limit_nano_usd=1_000_000_000)
    post(admin_client, f"/admin/accounts/budget/{budget.id}/change/", limit_usd="2.5")
    period.refresh_from_db()
    assert period.limit_nano_usd == 2_500_000_000


def test_budget_of_another_teams_key_is_refused(admin_client: Client) -> None:
    key, _ = factories.api_key()
    data = {"team": factories.team().id, "api_key": key.id, "period": "day", "limit_usd": "1"}
    page = admin_client.post("/admin/accounts/budget/add/", data)
    assert "belongs to another team" in page.content.decode()
    assert Budget.objects.count() == 0


def test_second_budget_of_the_same_kind_is_refused(admin_client: Client) -> None:
    today = timezone.now().date()
    budget = budgets.set_budget(team=factories.team(), period="day", limit_nano_usd=7, today=today)
    data = {"team": budget.team_id, "period": "day", "is_hard": "on", "limit_usd": "1"}
    assert admin_client.post("/admin/accounts/budget/add/", data).status_code == 200
    budget.refresh_from_db()
    assert budget.limit_nano_usd == 7


def test_deleted_budget_takes_its_periods_along_and_is_announced(admin_client: Client) -> None:
    today = timezone.now().date()
    budget = budgets.set_budget(team=factories.team(), period="day", limit_nano_usd=7, today=today)
    BudgetPeriod.objects.create(budget=budget, period_start=today, limit_nano_usd=7)
    version = config_version.current()
    post(admin_client, f"/admin/accounts/budget/{budget.id}/delete/", post="yes")
    assert (Budget.objects.count(), BudgetPeriod.objects.count()) == (0, 0)
    assert config_version.current() > version


@pytest.mark.parametrize(
    ("nano_usd", "shown"),
    [
        (None, "unknown"),
        (0, "$0.00"),
        (1, "$0.000000001"),
        (1_000_000_000, "$1.00"),
        (1_234_567_500_000_000, "$1,234,567.50"),
        (-2_500_000, "-$0.0025"),
    ],
)
def test_money_is_shown_in_dollars_to_the_last_nano_dollar(nano_usd: int | None, shown: str) -> None:
    assert dollars(nano_usd) == shown


def test_expired_key_is_shown_as_such(admin_client: Client) -> None:
    factories.api_key(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert "expired" in admin_client.get("/admin/accounts/apikey/").content.decode()
