import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from accounts.models import Team
from feedback.models import ResponseFeedback
from feedback.services import linking, ratings
from feedback.services.ratings import Rater, Rating
from routing.models import CachedResponse, LedgerEntry, PromptEmbedding
from routing.services.idempotency import IdempotencyMismatch
from tests import factories

NOW = factories.NOON + timedelta(hours=1)
COPIED = {
    "requested_at": factories.NOON,
    "pattern": "code",
    "task": "unit-tests",
    "provider": "openai",
    "served_model": "gpt-small",
    "strategy": "hybrid",
    "policy_version": 7,
    "complexity_score": 0.4,
    "propensity": 0.25,
    "cost_nano_usd": 1_000_000,
    "is_cache_hit": False,
    "is_fallback": True,
    "experiment_id": 3,
}
OF_THE_LEDGER = {name: value for name, value in COPIED.items() if name != "requested_at"}


def rating(request_id: object, **fields: Any) -> Rating:
    plain: dict[str, Any] = {
        "quality_score": 5,
        "is_correct": True,
        "is_helpful": None,
        "metrics": {},
        "comment": "",
        "user_id": None,
        "session_id": None,
    }
    return Rating(request_id=str(request_id), **(plain | fields))


def rater(team: Team) -> Rater:
    return Rater(team=team, api_key=factories.api_key(team)[0])


def record(team: Team, request_id: object, **fields: Any) -> ResponseFeedback:
    return ratings.record(rater(team), rating(request_id, **fields), idempotency_key=None, now=NOW).feedback


@pytest.fixture
def team(db: None) -> Team:
    return factories.team()


def test_what_learning_needs_is_copied_from_the_request(team: Team) -> None:
    entry = factories.ledger_entry(team, **OF_THE_LEDGER)

    row = ResponseFeedback.objects.get(id=record(team, entry.request_id).id)

    assert {name: getattr(row, name) for name in COPIED} == COPIED
    assert (row.linked, row.ledger_request_id, row.created_at) == (True, entry.request_id, NOW)


def test_every_spelling_of_an_id_is_the_same_request(team: Team) -> None:
    entry = factories.ledger_entry(team)

    rows = [record(team, spelling) for spelling in (str(entry.request_id).upper(), entry.request_id.hex)]

    assert [row.ledger_request_id for row in rows] == [entry.request_id] * 2


@pytest.mark.parametrize("state", ["failed", "orphaned"])
def test_request_that_nobody_answered_has_no_model_to_rate(team: Team, state: str) -> None:
    entry = factories.ledger_entry(team, state=state)

    row = record(team, entry.request_id)

    assert (row.linked, row.provider, row.served_model) == (True, None, None)


def test_broken_stream_is_rated_as_what_it_was(team: Team) -> None:
    entry = factories.ledger_entry(team, state="partial")

    assert record(team, entry.request_id).served_model == "gpt-small"


def test_rating_of_a_pending_request_is_linked_when_it_has_ended(team: Team) -> None:
    entry = factories.ledger_entry(team, state="pending", settled_at=None)
    row = record(team, entry.request_id)
    assert (row.linked, row.ledger_request_id) == (False, None)
    assert linking.link_pending(now=NOW) == 0

    LedgerEntry.objects.update(state="settled")

    assert linking.link_pending(now=NOW) == 1
    row.refresh_from_db()
    assert (row.linked, row.served_model, row.requested_at) == (True, "gpt-small", factories.NOON)


def test_request_that_appears_later_is_linked_once(team: Team) -> None:
    request_id = uuid.uuid4()
    row = record(team, request_id)

    factories.ledger_entry(team, request_id=request_id, **OF_THE_LEDGER)

    assert [linking.link_pending(now=NOW), linking.link_pending(now=NOW)] == [1, 0]
    row.refresh_from_db()
    assert {name: getattr(row, name) for name in COPIED} == COPIED


def test_another_teams_request_is_never_linked(team: Team) -> None:
    theirs = factories.ledger_entry(factories.team())

    row = record(team, theirs.request_id, quality_score=1)

    assert linking.link_pending(now=NOW) == 0
    row.refresh_from_db()
    assert (row.linked, row.ledger_request_id, row.pattern) == (False, None, None)


def test_linking_goes_on_past_ratings_of_nothing(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "BATCH_SIZE", 2)
    request_ids = [uuid.uuid4() for _ in range(3)]
    for request_id in ("nothing", *request_ids[:1], uuid.uuid4(), "nothing", *request_ids[1:]):
        record(team, request_id)
    for request_id in request_ids:
        factories.ledger_entry(team, request_id=request_id)

    assert linking.link_pending(now=NOW) == 3


def test_rating_older_than_the_learning_window_is_left_alone(team: Team, settings: Any) -> None:
    settings.LEARNING_WINDOW_DAYS = 10
    request_id = uuid.uuid4()
    record(team, request_id)
    factories.ledger_entry(team, request_id=request_id)

    assert linking.link_pending(now=NOW + timedelta(days=10, seconds=1)) == 0
    assert linking.link_pending(now=NOW + timedelta(days=10)) == 1


@pytest.mark.parametrize("is_pending", [False, True])
def test_rated_prompt_is_remembered_for_the_learning_window(team: Team, settings: Any, is_pending: bool) -> None:
    settings.LEARNING_WINDOW_DAYS = 90
    entry = factories.ledger_entry(team, state="pending" if is_pending else "settled")
    PromptEmbedding.objects.create(
        request_id=entry.request_id,
        team=team,
        encoder="e",
        vector=b"",
        created_at=factories.NOON,
        expires_at=factories.NOON + timedelta(days=7),
    )

    record(team, entry.request_id)
    LedgerEntry.objects.update(state="settled")
    linking.link_pending(now=NOW)

    assert PromptEmbedding.objects.get().expires_at == NOW + timedelta(days=90)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"quality_score": 1, "is_correct": None}, 0),
        ({"quality_score": 2, "is_correct": True}, 0),
        ({"quality_score": 5, "is_correct": False}, 0),
        ({"quality_score": 3, "is_correct": None}, 1),
    ],
)
def test_bad_answer_is_not_given_from_the_cache_again(team: Team, said: dict[str, Any], kept: int) -> None:
    entry = factories.ledger_entry(team)
    factories.cached_response(team, source_request_id=entry.request_id)

    record(team, entry.request_id, **said)

    assert CachedResponse.objects.count() == kept


def test_bad_answer_that_came_from_the_cache_is_dropped_there(team: Team) -> None:
    first = factories.ledger_entry(team, prompt_fingerprint="a" * 64)
    hit = factories.ledger_entry(team, prompt_fingerprint="a" * 64, is_cache_hit=True)
    unlike = factories.ledger_entry(team, prompt_fingerprint="b" * 64)
    factories.cached_response(team, source_request_id=first.request_id)
    other = factories.cached_response(team, source_request_id=unlike.request_id)

    record(team, hit.request_id, quality_score=1)

    assert CachedResponse.objects.get() == other


def test_another_teams_cached_answer_stays(team: Team) -> None:
    theirs = factories.ledger_entry(factories.team())
    factories.cached_response(theirs.team, source_request_id=theirs.request_id)

    record(team, theirs.request_id, quality_score=1)

    assert CachedResponse.objects.count() == 1


def test_same_idempotency_key_in_two_teams_is_two_keys(team: Team) -> None:
    raters = rater(team), rater(factories.team())

    recorded = [ratings.record(who, rating("r"), idempotency_key="k", now=NOW) for who in raters]

    assert [found.is_replay for found in recorded] == [False, False]


def test_second_key_of_the_team_replays_too(team: Team) -> None:
    first = ratings.record(rater(team), rating("r"), idempotency_key="k", now=NOW)

    again = ratings.record(rater(team), rating("r"), idempotency_key="k", now=NOW + timedelta(days=3))

    assert (again.is_replay, again.feedback) == (True, first.feedback)


def test_order_of_metrics_makes_no_other_rating(team: Team) -> None:
    one = rating("r", metrics={"accepted": True, "clicks": 1})
    same = replace(one, metrics={"clicks": 1, "accepted": True})
    other = replace(one, metrics={"clicks": 1, "accepted": False})
    ratings.record(rater(team), one, idempotency_key="k", now=NOW)

    assert ratings.record(rater(team), same, idempotency_key="k", now=NOW).is_replay
    with pytest.raises(IdempotencyMismatch, match="Use a new key"):
        ratings.record(rater(team), other, idempotency_key="k", now=NOW)


@pytest.mark.django_db(transaction=True)
def test_same_key_at_the_same_moment_is_stored_once() -> None:
    who = rater(factories.team())
    start = Barrier(4)

    def store(_: int) -> tuple[int, bool]:
        start.wait()
        try:
            found = ratings.record(who, rating("r"), idempotency_key="k", now=NOW)
        finally:
            connections.close_all()
        return found.feedback.id, found.is_replay

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(store, range(4)))

    assert len({feedback_id for feedback_id, _ in answers}) == 1
    assert sorted(is_replay for _, is_replay in answers) == [False, True, True, True]
    assert ResponseFeedback.objects.count() == 1
