import json
from collections.abc import Callable

import pytest
from django.contrib.auth import authenticate, get_user_model

from accounts.models import ApiKey, Team
from accounts.services import api_keys
from optimizer_project.cli import summary
from optimizer_project.cli.setup import NewCredentials
from routing.models import LanguageModel, ModelPrice

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def no_staff_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USERNAME", "EMAIL", "PASSWORD"):
        monkeypatch.delenv(f"DJANGO_SUPERUSER_{name}", raising=False)


@pytest.mark.django_db
def test_first_setup_shows_credentials_that_work(optimizer: Run) -> None:
    made = json.loads(optimizer("setup", "--json"))
    assert ApiKey.objects.get(team__slug="demo").key_hash == api_keys.hash_secret(made["api_key"])
    assert made["username"] == "admin"
    assert authenticate(username="admin", password=made["password"]) == get_user_model().objects.get(is_staff=True)
    assert LanguageModel.objects.filter(provider__slug="simulated").exists()
    assert ModelPrice.objects.filter(source="price_library").exists()


@pytest.mark.django_db
def test_second_setup_shows_and_makes_nothing_new(optimizer: Run) -> None:
    first = optimizer("setup")
    second = optimizer("setup")
    assert "API key of team demo: aco_" in first
    assert "Staff user: admin, password: " in first
    assert second == "The database, the catalog and the prices are up to date.\n"
    assert (Team.objects.count(), ApiKey.objects.count(), get_user_model().objects.count()) == (1, 1, 1)


@pytest.mark.django_db
def test_staff_user_of_the_environment_is_made_and_its_password_not_shown(
    optimizer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "ada")
    monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", "ada@example.com")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "analytical engine")
    shown = optimizer("setup")
    user = authenticate(username="ada", password="analytical engine")
    assert user is not None
    assert user.email == "ada@example.com"
    assert "Staff user: ada, password: the one in DJANGO_SUPERUSER_PASSWORD" in shown
    assert "analytical engine" not in shown


@pytest.mark.django_db
def test_setup_without_a_demo_team_makes_none(optimizer: Run) -> None:
    assert json.loads(optimizer("setup", "--no-demo-team", "--json"))["api_key"] is None
    assert not Team.objects.exists()


@pytest.mark.django_db
def test_existing_team_is_not_joined_by_a_demo_team(optimizer: Run) -> None:
    optimizer("team", "create", "acme")
    assert json.loads(optimizer("setup", "--json"))["api_key"] is None
    assert [team.slug for team in Team.objects.all()] == ["acme"]


def test_summary_of_a_first_start_has_the_credentials() -> None:
    credentials = NewCredentials(api_key="aco_abc_def", username="admin", password="secret-word")
    text = "\n".join(summary.lines("0.0.0.0", 8000, credentials, ["A note."]))
    assert "http://127.0.0.1:8000/admin/  user admin, password secret-word  (shown only now)" in text
    assert "API key    aco_abc_def  (shown only now)" in text
    assert text.endswith("A note.")
    assert 'Authorization: Bearer aco_abc_def"' in summary.curl("0.0.0.0", 8000, credentials)


def test_summary_of_a_later_start_has_none() -> None:
    text = "\n".join(summary.lines("127.0.0.1", 8000, NewCredentials(), []))
    assert "password" not in text
    assert "aco_" not in text
    assert "Bearer $OPTIMIZER_API_KEY" in summary.curl("127.0.0.1", 8000, NewCredentials())


@pytest.mark.parametrize(
    ("host", "url"), [("::", "http://[::1]:80"), ("::1", "http://[::1]:80"), ("gateway.lan", "http://gateway.lan:80")]
)
def test_address_is_one_that_this_machine_reaches(host: str, url: str) -> None:
    assert summary.local_url(host, 80) == url
