"""Telemetry events: what is taken, what is refused, and who reads it."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from feedback.domain.events import Event
from feedback.models import MetricEvent
from feedback.services import events
from monitoring.services import metrics_health
from tests import factories
from tests.factories import bearer

pytestmark = pytest.mark.django_db

METRICS = "/api/v1/metrics"
# The API takes no NUL, which PostgreSQL cannot store.
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=10)


@pytest.fixture
def secret() -> str:
    return factories.api_key(factories.team("acme"))[1]


def post(client: Client, secret: str, body: Any) -> Any:
    return client.post(METRICS, json.dumps(body), content_type="application/json", headers=bearer(secret))


def get(client: Client, secret: str, path: str = "", **query: Any) -> Any:
    return client.get(f"{METRICS}{path}", query, headers=bearer(secret))


def test_one_event_is_stored_with_its_team_user_and_time(client: Client, secret: str) -> None:
    answer = post(
        client,
        secret,
        {
            "type": "checkout.done",
            "user_id": "u1",
            "timestamp": "2026-03-04T12:00:00Z",
            "data": {"seconds": 1.5},
            "items": 3,
        },
    )

    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["stored"], len(body["ids"])) == ("stored", 1, 1)
    found = get(client, secret, f"/{body['ids'][0]}").json()
    assert found.pop("received_at") is not None
    assert found == {
        "id": body["ids"][0],
        "type": "checkout.done",
        "team": "acme",
        "user_id": "u1",
        "timestamp": "2026-03-04T12:00:00Z",
        # What the product does not know is kept with the data.
        "data": {"seconds": 1.5, "items": 3},
    }


def test_a_list_and_an_object_with_a_list_are_stored_in_order(client: Client, secret: str) -> None:
    assert post(client, secret, [{"type": "a"}, {"type": "b"}]).json()["stored"] == 2
    ids = post(client, secret, {"metrics": [{"type": "c"}, {"type": "d"}]}).json()["ids"]

    assert [MetricEvent.objects.get(id=number).type for number in ids] == ["c", "d"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([], ["metrics"]),
        ({}, ["metrics", 0, "type"]),
        (7, ["metrics", 0]),
        ({"type": ""}, ["metrics", 0, "type"]),
        ({"type": "no spaces"}, ["metrics", 0, "type"]),
        ({"type": 5}, ["metrics", 0, "type"]),
        ({"type": "t" * 65}, ["metrics", 0, "type"]),
        ([{"type": "good"}, {"type": "a", "user_id": 5}], ["metrics", 1, "user_id"]),
        ({"type": "a", "timestamp": "yesterday"}, ["metrics", 0, "timestamp"]),
        ({"type": "a", "timestamp": "2999-01-01T00:00:00Z"}, ["metrics", 0, "timestamp"]),
        ({"type": "a", "data": [1]}, ["metrics", 0, "data"]),
        ({"type": "a", "data": {"x": 1}, "x": 2}, ["metrics", 0, "x"]),
        ({"type": "a", "text": "x" * 16_384}, ["metrics", 0, "data"]),
        ({"metrics": [{"type": "a"}] * 1001}, ["metrics"]),
        ({"metrics": [{"type": "a"}], "more": 1}, ["more"]),
    ],
)
def test_what_is_no_event_is_refused_by_its_place_and_nothing_is_stored(
    client: Client, secret: str, body: Any, where: list[Any]
) -> None:
    answer = post(client, secret, body)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", *where]
    assert not MetricEvent.objects.exists()


def test_a_thousand_events_are_stored_at_once(client: Client, secret: str) -> None:
    assert post(client, secret, [{"type": "a"}] * 1000).json()["stored"] == 1000


@how(max_examples=20)
@given(
    st.dictionaries(
        TEXT,
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXT,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_data_comes_back_as_it_was_sent(data: dict[str, Any]) -> None:
    team = factories.team()
    text = json.dumps(data, ensure_ascii=False)
    stored = events.store(team, [Event("a", json.loads(text))], now=factories.NOON)

    assert MetricEvent.objects.get(id=stored[0].id).data == data


def test_events_are_read_newest_first_by_type_user_and_time(client: Client, secret: str) -> None:
    noon = factories.NOON
    for number, (kind, user) in enumerate([("a", "u1"), ("b", "u1"), ("a", "u2"), ("a", "u1")]):
        at = (noon + timedelta(hours=number)).isoformat()
        post(client, secret, {"type": kind, "user_id": user, "timestamp": at, "n": number})

    def numbers(**query: Any) -> list[int]:
        return [event["data"]["n"] for event in get(client, secret, **query).json()["metrics"]]

    assert numbers() == [3, 2, 1, 0]
    assert numbers(type="a") == [3, 2, 0]
    assert numbers(user_id="u1", limit=2) == [3, 1]
    # From 13:00 inclusive to 15:00 exclusive.
    assert numbers(since="2026-03-04T13:00:00Z", until="2026-03-04T15:00:00Z") == [2, 1]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"since": "soon"}, {"colour": "red"}])
def test_a_bad_question_is_refused(client: Client, secret: str, query: dict[str, Any]) -> None:
    assert get(client, secret, **query).status_code == 422


def test_a_team_sees_only_its_own_events_and_staff_all(client: Client, secret: str, admin_client: Client) -> None:
    other = factories.api_key(factories.team("other"))[1]
    hidden = post(client, other, {"type": "secret"}).json()["ids"][0]
    post(client, secret, {"type": "a"})

    assert get(client, secret).json()["count"] == 1
    assert get(client, secret, f"/{hidden}").status_code == 404
    assert get(client, secret, team="other").status_code == 404
    assert get(client, secret, "/stats").json()["by_type"] == {"a": 1}
    assert b"secret" not in get(client, secret, "/export").getvalue()
    assert admin_client.get(METRICS).json()["count"] == 2
    assert admin_client.get(METRICS, {"team": "other"}).json()["metrics"][0]["type"] == "secret"


def test_events_come_from_teams_only(client: Client, admin_client: Client) -> None:
    body = json.dumps({"type": "a"})

    assert client.post(METRICS, body, content_type="application/json").status_code == 401
    assert admin_client.post(METRICS, body, content_type="application/json").status_code == 403


def test_statistics_count_by_type(client: Client, secret: str) -> None:
    times = ["2026-03-04T12:00:00Z", "2026-03-04T13:00:00Z", "2026-03-04T14:00:00Z"]
    post(
        client, secret, [{"type": kind, "timestamp": at, "user_id": "u"} for kind, at in zip("aba", times, strict=True)]
    )

    assert get(client, secret, "/stats").json() == {
        "total_metrics": 3,
        "users": 1,
        "first_at": "2026-03-04T12:00:00Z",
        "last_at": "2026-03-04T14:00:00Z",
        "by_type": {"a": 2, "b": 1},
    }


def test_an_export_holds_every_event_as_csv_and_json_lines(client: Client, secret: str) -> None:
    # More than a page of a thousand, and one that a spreadsheet would take for a formula.
    post(client, secret, [{"type": "a", "user_id": "=1+1"}, *[{"type": "b", "n": 1}] * 999])
    post(client, secret, [{"type": "c"}] * 2)

    answer = get(client, secret, "/export")
    lines = [json.loads(line) for line in answer.getvalue().splitlines()]
    table = list(csv.DictReader(io.StringIO(get(client, secret, "/export", format="csv").getvalue().decode())))

    assert answer["Content-Type"] == "application/x-ndjson"
    assert [len(lines), len(table)] == [1002, 1002]
    assert (lines[0]["user_id"], table[0]["user_id"]) == ("=1+1", "'=1+1")
    assert (lines[1]["data"], json.loads(table[1]["data"])) == ({"n": 1}, {"n": 1})
    assert get(client, secret, "/export", format="xml").status_code == 422


@override_settings(METRICS_RETENTION_DAYS=30)
def test_events_are_deleted_when_their_time_is_over() -> None:
    now, team = timezone.now(), factories.team()
    old = events.store(team, [Event("old", {})], now=now - timedelta(days=30, seconds=1))
    kept = events.store(team, [Event("kept", {}, occurred_at=factories.NOON)], now=now - timedelta(days=29))

    assert events.delete_expired(now=now) == len(old) == 1
    assert list(MetricEvent.objects.values_list("id", flat=True)) == [kept[0].id]


def test_health_says_how_much_is_stored(transactional_db: None, client: Client) -> None:
    events.store(factories.team(), [Event("a", {})], now=factories.NOON)
    metrics_health.forget()

    answer = client.get("/api/v1/health")

    found = answer.json()
    assert (answer.status_code, found["status"], found["version"]) == (200, "healthy", settings.VERSION)
    assert (found["database"]["status"], found["database"]["backend"]) == ("ok", connection.vendor)
    assert found["database"]["total_metrics"] == 1
    assert found["database"]["database_size_mb"] > 0
