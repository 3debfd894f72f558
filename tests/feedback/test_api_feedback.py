import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Team
from feedback.models import ResponseFeedback
from routing.models import LedgerEntry
from tests import factories

pytestmark = pytest.mark.django_db

PATHS = ("/feedback", "/feedback/", "/production/feedback", "/production/feedback/")


@pytest.fixture
def team() -> Team:
    return factories.team("builders")


@pytest.fixture
def client(team: Team) -> Client:
    _, secret = factories.api_key(team)
    return Client(headers=factories.bearer(secret))


@pytest.fixture
def entry(team: Team) -> LedgerEntry:
    return factories.ledger_entry(team, created_at=timezone.now() - timedelta(minutes=1))


def rating(request_id: object = "unheard-of", **fields: object) -> dict[str, object]:
    return {"request_id": str(request_id), "quality_score": 5, "is_correct": True, **fields}


def post(client: Client, body: object, path: str = "/feedback", **headers: str) -> Any:
    return client.post(path, body, content_type="application/json", headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_rating_of_ones_own_request_is_recorded_and_linked(client: Client, entry: LedgerEntry, path: str) -> None:
    answer = post(client, rating(entry.request_id), path)

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "recorded",
        "feedback_id": ResponseFeedback.objects.get().id,
        "message": "Thank you for feedback",
        "linked": True,
        "request_id": str(entry.request_id),
    }


def test_everything_a_rating_says_is_kept(client: Client, entry: LedgerEntry) -> None:
    said = {
        "is_helpful": False,
        "comment": "Good, but long.",
        "user_id": "ann",
        "session_id": "s-1",
        "metrics": {"test_passed": True, "edit_distance": 0.25, "clicks": 3},
    }

    feedback_id = post(client, rating(entry.request_id, **said)).json()["feedback_id"]

    found = client.get(f"/feedback/{feedback_id}").json()
    assert {name: found[name] for name in said} == said
    assert (found["quality_score"], found["is_correct"], found["source"]) == (5, True, "api_key")
    # 1 x 1 for the stars, 1 x 1 correct, 0 x 0.5 helpful, 1 x 1 tests, 0.75 x 0.5 edits: 3.375 / 4.
    assert found["reward"] == pytest.approx(0.84375)
    assert (found["provider"], found["model"], found["pattern"]) == ("openai", "gpt-small", "general")


def test_unknown_request_is_kept_unlinked(client: Client) -> None:
    answers = [post(client, rating(request_id)) for request_id in ("unheard-of", uuid4())]

    assert [(answer.status_code, answer.json()["linked"]) for answer in answers] == [(200, False)] * 2
    assert (
        list(ResponseFeedback.objects.values_list("linked", "provider", "ledger_request_id"))
        == [(False, None, None)] * 2
    )


def test_unknown_request_is_refused_where_requests_must_be_known(client: Client, settings: Any) -> None:
    settings.FEEDBACK_REQUIRE_KNOWN_REQUEST = True

    answer = post(client, rating("unheard-of"))

    assert answer.status_code == 404
    assert "x-request-id" in answer.json()["detail"]
    assert ResponseFeedback.objects.count() == 0


@pytest.mark.parametrize("must_be_known", [False, True])
def test_another_teams_request_looks_unknown(client: Client, settings: Any, must_be_known: bool) -> None:
    settings.FEEDBACK_REQUIRE_KNOWN_REQUEST = must_be_known
    theirs = factories.ledger_entry(factories.team()).request_id
    nobodys = uuid4()

    answers = [post(client, rating(request_id)) for request_id in (theirs, nobodys)]

    seen = [
        (answer.status_code, answer.content.replace(str(request_id).encode(), b"ID"))
        for answer, request_id in zip(answers, (theirs, nobodys), strict=True)
    ]
    assert [status for status, _ in seen] == [404 if must_be_known else 200] * 2
    assert b'"linked":true' not in seen[0][1]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"quality_score": 0}, "quality_score", "min_value"),
        ({"quality_score": 6}, "quality_score", "max_value"),
        ({"quality_score": 3.5}, "quality_score", "invalid"),
        ({"quality_score": 5.0}, "quality_score", "invalid"),
        ({"quality_score": "5"}, "quality_score", "invalid"),
        ({"quality_score": True}, "quality_score", "invalid"),
        ({"quality_score": "NaN"}, "quality_score", "invalid"),
        ({"quality_score": None}, "quality_score", "null"),
        ({"quality_score": [5]}, "quality_score", "invalid"),
        ({"quality_score": 10**30}, "quality_score", "invalid"),
        ({"is_correct": "true"}, "is_correct", "invalid"),
        ({"is_correct": 1}, "is_correct", "invalid"),
        ({"is_helpful": "yes"}, "is_helpful", "invalid"),
        ({"request_id": ""}, "request_id", "blank"),
        ({"request_id": None}, "request_id", "null"),
        ({"request_id": 5}, "request_id", "invalid"),
        ({"request_id": "x" * 201}, "request_id", "max_length"),
        ({"comment": "x" * 1001}, "comment", "max_length"),
        ({"comment": 5}, "comment", "invalid"),
        ({"user_id": "x" * 201}, "user_id", "max_length"),
        ({"user_id": 5}, "user_id", "invalid"),
        ({"user_id": ""}, "user_id", "blank"),
        ({"session_id": "x" * 201}, "session_id", "max_length"),
        ({"metrics": []}, "metrics", "invalid"),
        ({"metrics": {f"m{number}": 1 for number in range(21)}}, "metrics", "too_many"),
        ({"team": "builders"}, "team", "unknown_field"),
        ({"reward": 1}, "reward", "unknown_field"),
    ],
)
def test_bad_field_is_named_and_nothing_is_stored(
    client: Client, entry: LedgerEntry, change: dict[str, object], field: str, code: str
) -> None:
    answer = post(client, rating(entry.request_id) | change)

    assert answer.status_code == 422
    assert [(issue["loc"], issue["type"]) for issue in answer.json()["detail"]] == [(["body", field], code)]
    assert ResponseFeedback.objects.count() == 0


@pytest.mark.parametrize("name", ["request_id", "quality_score", "is_correct"])
def test_missing_field_is_named(client: Client, entry: LedgerEntry, name: str) -> None:
    body = rating(entry.request_id)
    del body[name]

    answer = post(client, body)

    assert answer.status_code == 422
    assert answer.json()["detail"][0] == {"loc": ["body", name], "msg": "This field is required.", "type": "required"}


def test_bad_metric_is_named(client: Client, entry: LedgerEntry) -> None:
    answer = post(client, rating(entry.request_id, metrics={"test_passed": 7, "Clicks": 1, "ok": 1}))

    assert answer.status_code == 422
    assert [issue["loc"] for issue in answer.json()["detail"]] == [
        ["body", "metrics", "test_passed"],
        ["body", "metrics", "Clicks"],
    ]


def test_correctness_may_be_unknown_and_texts_may_be_at_their_limits(client: Client, entry: LedgerEntry) -> None:
    body = rating(
        entry.request_id, is_correct=None, is_helpful=None, comment="é" * 1000, user_id="u" * 200, session_id=None
    )

    assert post(client, body).status_code == 200
    assert ResponseFeedback.objects.get().is_correct is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 422),
        (b'"text"', 422),
        (b"null", 422),
        (b'{"request_id": "r", "quality_score": NaN, "is_correct": true}', 400),
        (b'{"request_id": "r", "quality_score": 5, "is_correct": true, "comment": "a\\u0000b"}', 400),
        (b'{"request_id": "r\\u0000", "quality_score": 5, "is_correct": true}', 400),
        (b'{"request_id": "r", "quality_score": 5, "is_correct": true, "comment": "\\ud800"}', 400),
        (b'{"request_id": "r", "quality_score": 5, "is_correct": true, "metrics": {"m": 1e400}}', 400),
        (b"[" * 100_000, 400),
        (b'{"comment": "' + b"x" * 10_000_000 + b'"}', 413),
    ],
    ids=["empty", "cut", "list", "text", "null", "nan", "nul", "nul-id", "surrogate", "infinite", "deep", "10MB"],
)
def test_body_that_is_no_rating_is_refused(client: Client, body: bytes, status: int) -> None:
    answer = client.generic("POST", "/feedback", body, content_type="application/json")

    assert answer.status_code == status
    assert json.loads(answer.content)["detail"]
    assert ResponseFeedback.objects.count() == 0


def test_other_media_types_are_refused(client: Client) -> None:
    assert client.post("/feedback", {"quality_score": 5}).status_code == 415


def test_rating_without_a_key_or_token_is_refused(entry: LedgerEntry) -> None:
    answer = post(Client(), rating(entry.request_id))

    assert answer.status_code == 401
    assert "token of a request" in answer.json()["detail"]
    assert answer.headers["www-authenticate"] == 'Bearer realm="api"'


def test_rating_with_a_bad_key_is_refused(entry: LedgerEntry) -> None:
    assert post(Client(), rating(entry.request_id), authorization="Bearer nonsense").status_code == 401


def test_staff_without_a_key_are_told_to_send_one(admin_user: Any) -> None:
    staff = Client()
    staff.force_login(admin_user)

    answer = post(staff, rating())

    assert answer.status_code == 403
    assert "API key" in answer.json()["detail"]


def test_open_api_rates_as_the_oldest_key(settings: Any, client: Client, team: Team, entry: LedgerEntry) -> None:
    settings.OPTIMIZER_OPEN_API = True

    assert post(Client(), rating(entry.request_id)).json()["linked"] is True
    assert ResponseFeedback.objects.get().team == team


def test_feedback_is_shown_to_its_own_team_and_to_staff(client: Client, team: Team, admin_client: Client) -> None:
    ours, theirs = factories.feedback(team), factories.feedback(factories.team())

    assert client.get(f"/feedback/{ours.id}/").status_code == 200
    assert client.get(f"/feedback/{theirs.id}").status_code == 404
    assert admin_client.get(f"/feedback/{theirs.id}").status_code == 200
    assert Client().get(f"/feedback/{ours.id}").status_code == 401


@pytest.mark.parametrize("feedback_id", ["999", "9" * 40, "0"])
def test_feedback_that_does_not_exist_is_not_found(client: Client, feedback_id: str) -> None:
    assert client.get(f"/feedback/{feedback_id}").status_code == 404


@pytest.mark.parametrize("path", ["/feedback/-1", "/feedback/abc", "/feedback/1.5"])
def test_what_is_no_number_is_no_path(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_repeated_key_and_body_are_stored_once(client: Client, entry: LedgerEntry) -> None:
    first, again = (post(client, rating(entry.request_id), **{"idempotency-key": "k1"}) for _ in range(2))

    assert first.json() == again.json()
    assert "x-optimizer-idempotent-replay" not in first.headers
    assert again.headers["x-optimizer-idempotent-replay"] == "true"
    assert ResponseFeedback.objects.count() == 1


def test_repeated_key_with_another_rating_is_refused(client: Client, entry: LedgerEntry) -> None:
    post(client, rating(entry.request_id), **{"idempotency-key": "k1"})

    answer = post(client, rating(entry.request_id, quality_score=1), **{"idempotency-key": "k1"})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "idempotency_key_reused"
    assert ResponseFeedback.objects.get().quality_score == 5


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x01b"])
def test_unusable_idempotency_key_is_refused(client: Client, key: str) -> None:
    assert post(client, rating(), **{"idempotency-key": key}).status_code == 422


def test_ratings_beyond_the_keys_limit_are_refused_for_the_minute(client: Client, settings: Any, team: Team) -> None:
    settings.FEEDBACK_PER_MINUTE = 3
    _, secret = factories.api_key(team)
    other = Client(headers=factories.bearer(secret))

    answers = [post(client, rating()) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert "3 ratings a minute" in answers[-1].json()["detail"]
    assert post(other, rating()).status_code == 200
    assert ResponseFeedback.objects.count() == 4


def test_ratings_do_not_use_up_the_keys_requests(settings: Any, team: Team) -> None:
    settings.FEEDBACK_PER_MINUTE = 2
    _, secret = factories.api_key(team, requests_per_minute=1)
    client = Client(headers=factories.bearer(secret))

    assert [post(client, rating()).status_code for _ in range(2)] == [200, 200]
