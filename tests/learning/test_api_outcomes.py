import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import Team
from learning.models import EvaluationSet
from tests import factories

pytestmark = pytest.mark.django_db

PATH = "/admin/learning/outcomes"
CSV = b"prompt,model,quality,cost\nWhy?,gpt,1,0.001\n"


@pytest.fixture
def team() -> Team:
    return factories.team("acme")


@pytest.fixture
def headers(team: Team) -> dict[str, str]:
    return factories.bearer(factories.api_key(team, scopes=["admin"])[1])


def post(client: Client, content: bytes, headers: dict[str, str], *, query: str = "", kind: str = "text/csv") -> Any:
    return client.post(f"{PATH}{query}", content, content_type=kind, headers=headers)


def test_file_is_imported_for_the_team_of_the_key(client: Client, headers: dict[str, str], team: Team) -> None:
    answer = post(client, CSV, headers, query="?name=bench")
    assert answer.status_code == 200
    stored = EvaluationSet.objects.get()
    assert (stored.team, stored.name, stored.outcome_count) == (team, "bench", 1)
    assert answer.json()["evaluation_set"]["id"] == stored.pk
    assert (answer.json()["rows"], answer.json()["unknown_models"]) == (1, ["gpt"])


def test_json_lines_are_imported_too(client: Client, headers: dict[str, str]) -> None:
    line = json.dumps({"prompt": "Why?", "model": "gpt", "quality": 1, "cost": None}).encode()
    assert post(client, line, headers, kind="application/x-ndjson").status_code == 200


def test_bad_rows_are_named_by_their_lines(client: Client, headers: dict[str, str]) -> None:
    answer = post(client, CSV + b"Why?,gpt,2,0\n", headers)
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            {
                "loc": ["body", "line", 3],
                "msg": "quality is '2': it must be a number from 0 to 1.",
                "type": "invalid_row",
            }
        ]
    }
    assert EvaluationSet.objects.count() == 0
    assert post(client, CSV + b"Why?,gpt,2,0\n", headers, query="?skip_bad=true").json()["bad_rows"] == 1


def test_same_file_again_is_a_conflict(client: Client, headers: dict[str, str]) -> None:
    post(client, CSV, headers)
    assert post(client, CSV, headers).status_code == 409


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "text/csv", 422),
        (b"\x00\xff", "text/csv", 422),
        (b"a,b\n1,2\n", "text/csv", 422),
        (b"x" * (2 * 1024 * 1024 + 1), "text/csv", 413),
        (b"{}", "application/json", 415),
    ],
)
def test_other_bodies_are_refused(
    client: Client, headers: dict[str, str], content: bytes, kind: str, status: int
) -> None:
    assert post(client, content, headers, kind=kind).status_code == status


def test_key_sees_its_own_sets_and_staff_see_all(client: Client, admin_client: Client, headers: dict[str, str]) -> None:
    post(client, CSV, headers)
    other = factories.bearer(factories.api_key(scopes=["admin"])[1])
    assert [found["team"] for found in client.get(PATH, headers=headers).json()["sets"]] == ["acme"]
    assert client.get(PATH, headers=other).json() == {"sets": []}
    assert len(admin_client.get(f"{PATH}/").json()["sets"]) == 1
    assert client.get(f"{PATH}?team=acme", headers=other).status_code == 404


def test_key_without_the_scope_is_refused(client: Client, team: Team) -> None:
    plain = factories.bearer(factories.api_key(team)[1])
    assert (client.get(PATH, headers=plain).status_code, post(client, CSV, plain).status_code) == (403, 403)
