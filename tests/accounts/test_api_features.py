from typing import Any

import pytest
from django.test import Client

from accounts.models import FeatureChange, FeatureGate, Team
from accounts.services import features
from tests import factories
from tests.factories import bearer

pytestmark = pytest.mark.django_db


@pytest.fixture
def search() -> Team:
    return factories.team("search")


@pytest.fixture
def operator(search: Team) -> dict[str, str]:
    """A key of the team with the scope that switches features."""
    return bearer(factories.api_key(search, scopes=["admin"])[1])


def post(client: Client, path: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return client.post(path, body, content_type="application/json", headers=headers)


def status_of(client: Client, name: str, headers: dict[str, str] | None = None, query: str = "") -> Any:
    found = client.get(f"/api/features{query}", headers=headers).json()
    return next(feature for feature in found if feature["name"] == name)


def test_features_are_listed_with_what_decides_about_each(client: Client, operator: dict[str, str]) -> None:
    found = client.get("/api/features/", headers=operator).json()

    assert len(found) == 12
    assert found[0] == {
        "name": "insights",
        "description": "Team metrics, anti-patterns and the weekly report.",
        "is_enabled": True,
        "is_enabled_for_team": True,
        "decided_by": "default",
        "rollout_phase": None,
        "setting": None,
        "teams": [],
    }


def test_kill_switch_is_one_request(client: Client, operator: dict[str, str]) -> None:
    response = post(client, "/api/features/learned_routing/disable", operator, reason="p95 doubled")

    change = FeatureChange.objects.get()
    assert response.status_code == 200
    assert (response.json()["is_enabled"], response.json()["decided_by"]) == (False, "staff")
    assert response.json()["setting"]["reason"] == "p95 doubled"
    assert (change.kind, change.team, change.changed_by[:8]) == ("disabled", None, "key aco_")
    assert not features.is_enabled("learned_routing")


def test_feature_comes_back_by_another(client: Client, operator: dict[str, str]) -> None:
    post(client, "/api/features/roi/disable", operator)

    assert post(client, "/api/features/roi/enable/", operator).json()["is_enabled"] is True


def test_feature_is_switched_for_the_team_alone_and_follows_again(
    client: Client, operator: dict[str, str], search: Team
) -> None:
    off = post(client, "/api/features/roi/disable", operator, team="search").json()
    reset = post(client, "/api/features/roi/reset", operator, team="search").json()

    assert (off["is_enabled"], off["is_enabled_for_team"]) == (True, False)
    assert [setting["team"] for setting in off["teams"]] == ["search"]
    assert (reset["is_enabled_for_team"], reset["teams"]) == (True, [])


def test_key_neither_sees_nor_switches_the_features_of_another_team(client: Client, operator: dict[str, str]) -> None:
    billing = factories.team("billing")
    features.disable("roi", team=billing, actor="ada", now=factories.NOON)

    refused = post(client, "/api/features/roi/enable", operator, team="billing")

    assert refused.status_code == 404
    assert status_of(client, "roi", operator)["teams"] == []
    assert client.get("/api/features?team=billing", headers=operator).status_code == 404


def test_staff_see_every_team_and_may_ask_about_one(admin_client: Client, search: Team) -> None:
    features.disable("roi", team=search, actor="ada", now=factories.NOON)

    seen, asked = status_of(admin_client, "roi"), status_of(admin_client, "roi", query="?team=search")

    assert [setting["team"] for setting in seen["teams"]] == ["search"]
    assert (seen["is_enabled_for_team"], asked["is_enabled_for_team"]) == (None, False)


def test_key_without_the_scope_is_refused(client: Client, search: Team) -> None:
    plain = bearer(factories.api_key(search)[1])

    assert client.get("/api/features", headers=plain).status_code == 403
    assert post(client, "/api/features/roi/disable", plain).status_code == 403
    assert not FeatureGate.objects.exists()


def test_unknown_feature_is_not_found(client: Client, operator: dict[str, str]) -> None:
    response = post(client, "/api/features/telepathy/disable", operator)

    assert response.status_code == 404
    assert response.json()["detail"].startswith("There is no feature 'telepathy': use one of insights, ")


def test_unknown_field_is_refused(client: Client, operator: dict[str, str]) -> None:
    assert post(client, "/api/features/roi/disable", operator, why="?").status_code == 422


def test_experiment_cannot_be_started_while_experiments_are_off(
    client: Client, operator: dict[str, str], search: Team
) -> None:
    features.disable("experiments", team=search, actor="ada", now=factories.NOON)

    response = post(client, "/experiments", operator, name="x", control_strategy="complexity", test_strategy="learning")

    assert response.status_code == 503
    assert response.headers["retry-after"] == "60"
    assert response.json()["detail"].startswith("Feature disabled: experiments.")
