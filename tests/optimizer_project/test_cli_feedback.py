import json
from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from tests import factories
from tests.optimizer_project.fake_api import FakeServer

Run = Callable[..., str]


@pytest.fixture
def recorded(server: FakeServer) -> None:
    server.answer = b'{"status": "recorded", "feedback_id": 7, "linked": true, "request_id": "r"}'


def rate(optimizer: Run, url: str, *arguments: str) -> str:
    return optimizer("feedback", "rate", *arguments, "--url", url, "--api-key", "aco_key")


def test_rating_is_sent_as_any_client_would(optimizer: Run, server: FakeServer, url: str, recorded: None) -> None:
    shown = rate(optimizer, url, "r", "4", "--correct", "--no-helpful", "--comment", "Long.", "--user", "ann")

    assert shown == "Recorded as feedback 7.\n"
    path, authorization, body = server.seen[0]
    assert (path, authorization) == ("/feedback", "Bearer aco_key")
    assert json.loads(body) == {
        "request_id": "r",
        "quality_score": 4,
        "is_correct": True,
        "is_helpful": False,
        "comment": "Long.",
        "user_id": "ann",
    }


def test_what_is_not_said_is_unknown(optimizer: Run, server: FakeServer, url: str, recorded: None) -> None:
    rate(optimizer, url, "r", "5")

    body = json.loads(server.seen[0][2])
    assert (body["is_correct"], body["is_helpful"], body["comment"], body["user_id"]) == (None, None, "", None)


def test_rating_of_an_unknown_request_is_told(optimizer: Run, server: FakeServer, url: str) -> None:
    server.answer = b'{"feedback_id": 7, "linked": false}'

    assert "not learned from unless" in rate(optimizer, url, "r", "5")


@pytest.mark.parametrize("stars", ["0", "6", "4.5", "five"])
def test_impossible_stars_are_refused(optimizer: Run, url: str, stars: str) -> None:
    with pytest.raises(CommandError, match="from 1 to 5"):
        rate(optimizer, url, "r", stars)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'{"detail": "There is no request."}', "answered 404: There is no request."),
        (b'{"detail": [{"loc": ["body", "comment"], "msg": "Too long.", "type": "x"}]}', "404: comment: Too long."),
        (b'{"else": 1}', '404: {"else": 1}'),
    ],
)
def test_refusal_is_told_in_the_servers_words(
    optimizer: Run, server: FakeServer, url: str, answer: bytes, told: str
) -> None:
    server.status, server.answer = 404, answer

    with pytest.raises(CommandError) as refused:
        rate(optimizer, url, "r", "5")

    assert told in str(refused.value)


@pytest.mark.parametrize("answer", [b"[]", b"{}"])
def test_server_of_another_kind_is_recognized(optimizer: Run, server: FakeServer, url: str, answer: bytes) -> None:
    server.answer = answer

    with pytest.raises(CommandError, match="is it this server"):
        rate(optimizer, url, "r", "5")


@pytest.mark.django_db
def test_summary_shows_models_and_patterns(optimizer: Run) -> None:
    team = factories.team("acme")
    factories.feedback(team, quality_score=5)
    factories.feedback(team, quality_score=4, is_correct=False)
    factories.feedback(factories.team(), served_model="gpt-large", is_correct=None)

    shown = optimizer("feedback", "summary")

    # (5 + 4 + 4) / 3 stars.
    assert "3 ratings, 4.33 stars on average, 0 of no known request" in shown
    assert "openai/gpt-small  2        4.50   50%" in shown
    assert "openai/gpt-large  1        4.00   -" in shown
    assert json.loads(optimizer("feedback", "summary", "--team", "acme", "--json"))["total_feedback"] == 2


@pytest.mark.django_db
def test_summary_without_feedback_says_how_to_begin(optimizer: Run) -> None:
    assert "feedback rate REQUEST_ID STARS" in optimizer("feedback", "summary")
