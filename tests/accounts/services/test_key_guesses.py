"""How many wrong keys an address may send, and that a valid one is taken whatever the address has done."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.services import api_keys, key_guesses
from accounts.services.key_guesses import LIST_SECONDS, MAX_ADDRESSES, Guesses, KnownKeys, TooManyWrongKeys
from monitoring.services.live import callers
from monitoring.services.live.callers import Refused
from routing.gateway import authentication
from routing.gateway.authentication import Unauthenticated
from routing.services import feedback_tokens, snapshot
from tests import factories

LIMIT = 3
START = 1000.0
HERE, ELSEWHERE = "203.0.113.7", "203.0.113.8"
WRONG = "aco_" + "x" * 49


@pytest.fixture(autouse=True)
def low_limit(settings: Settings) -> None:
    settings.WRONG_KEYS_PER_MINUTE = LIMIT


def sent(guesses: Guesses, address: str, count: int, *, at: float = START) -> None:
    for _ in range(count):
        guesses.note(address, at)


def test_an_address_is_refused_beyond_its_limit_until_the_minute_since_the_first_is_over() -> None:
    guesses = Guesses()
    sent(guesses, HERE, LIMIT)

    with pytest.raises(TooManyWrongKeys) as refused:
        guesses.note(HERE, START + 20.5)

    # 60 - 20.5 seconds, rounded up.
    assert refused.value.retry_after_seconds == guesses.seconds_left(HERE, START + 20.5) == 40
    assert guesses.seconds_left(HERE, START + 60) == 0
    guesses.note(HERE, START + 60)


def test_another_address_is_counted_by_itself() -> None:
    guesses = Guesses()
    sent(guesses, HERE, LIMIT)

    assert guesses.seconds_left(ELSEWHERE, START) == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"),  # the same /64
        ("203.0.113.7", "::ffff:203.0.113.7"),
        ("", "testclient"),  # no addresses at all
    ],
)
def test_two_spellings_of_one_origin_are_counted_together(first: str, second: str) -> None:
    guesses = Guesses()
    sent(guesses, first, LIMIT)

    assert guesses.seconds_left(second, START) == 60


def test_two_networks_are_not() -> None:
    guesses = Guesses()
    sent(guesses, "2001:db8:0:1::1", LIMIT)

    assert guesses.seconds_left("2001:db8:0:2::1", START) == 0


def test_memory_is_bounded_and_the_oldest_is_forgotten_first() -> None:
    guesses = Guesses()
    sent(guesses, HERE, LIMIT)
    for number in range(MAX_ADDRESSES):
        guesses.note(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", START + 1)

    assert len(guesses) == MAX_ADDRESSES
    assert guesses.seconds_left(HERE, START + 1) == 0

    guesses.note(HERE, START + 61)
    assert len(guesses) == 1


@pytest.mark.django_db
def test_the_list_of_keys_is_read_once_a_second_and_only_after_a_change() -> None:
    known = KnownKeys()
    now = timezone.now()
    _, first = factories.api_key()
    assert known.may_hold(api_keys.secret_hashes(first), now, START)
    _, second = factories.api_key(expires_at=now + timedelta(hours=1))
    hashes = api_keys.secret_hashes(second)

    with CaptureQueriesContext(connection) as at_once:
        assert not known.may_hold(hashes, now, START + LIST_SECONDS / 2)
    with CaptureQueriesContext(connection) as after_a_change:
        assert known.may_hold(hashes, now, START + LIST_SECONDS)
    with CaptureQueriesContext(connection) as without_one:
        assert known.may_hold(hashes, now, START + 2 * LIST_SECONDS)

    assert [len(queries) for queries in (at_once, after_a_change, without_one)] == [0, 2, 1]
    assert not known.may_hold(hashes, now + timedelta(hours=2), START + 2 * LIST_SECONDS)


def statuses(client: Client, count: int, secret: str = WRONG, **extra: Any) -> list[int]:
    return [client.get("/stats", headers=factories.bearer(secret), **extra).status_code for _ in range(count)]


@pytest.mark.django_db
def test_wrong_keys_are_401_and_then_429_with_the_time_to_wait(client: Client) -> None:
    assert statuses(client, LIMIT + 1) == [401, 401, 401, 429]

    refused = client.get("/v1/models", headers=factories.bearer(WRONG))

    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["error"]["code"] == "too_many_wrong_keys"


@pytest.mark.django_db
def test_a_valid_key_is_taken_from_an_address_over_its_limit(client: Client) -> None:
    _, secret = factories.api_key()
    statuses(client, LIMIT + 1)

    assert statuses(client, 2, secret) == [200, 200]


@pytest.mark.django_db
def test_a_flood_asks_the_database_for_nothing(client: Client) -> None:
    # The first beyond the limit reads the list of keys.
    statuses(client, LIMIT + 1)

    with CaptureQueriesContext(connection) as queries:
        assert statuses(client, 5) == [429] * 5

    assert len(queries) <= 1  # the second may pass in between


@pytest.mark.django_db
def test_a_revoked_key_counts_and_other_addresses_do_not(client: Client) -> None:
    key, secret = factories.api_key()
    api_keys.revoke(key, timezone.now())

    assert statuses(client, LIMIT + 1, secret) == [401, 401, 401, 429]
    assert statuses(client, 1, REMOTE_ADDR=ELSEWHERE) == [401]


@pytest.mark.django_db
def test_a_header_that_names_an_address_makes_no_other_one(client: Client) -> None:
    for number in range(LIMIT):
        client.get("/stats", headers=factories.bearer(WRONG) | {"x-forwarded-for": f"10.0.0.{number}"})

    refused = client.get("/stats", headers=factories.bearer(WRONG) | {"x-forwarded-for": "10.0.0.99"})

    assert refused.status_code == 429


@pytest.mark.django_db
def test_requests_without_a_key_are_not_counted(client: Client) -> None:
    for _ in range(LIMIT + 1):
        assert client.get("/stats").status_code == 401

    assert statuses(client, 1) == [401]


@pytest.mark.django_db
def test_no_statement_holds_the_key_or_a_part_that_could_be_guessed_by_time(client: Client) -> None:
    _, secret = factories.api_key()

    with CaptureQueriesContext(connection) as queries:
        client.get("/stats", headers=factories.bearer(secret))

    asked = str([query["sql"] for query in queries])
    assert api_keys.hash_secret(secret) in asked
    assert secret not in asked
    assert secret.rpartition("_")[2] not in asked


@pytest.mark.django_db
def test_the_gateway_refuses_a_flood_from_memory_and_takes_a_valid_key() -> None:
    key, secret = factories.api_key()
    view = snapshot.load()
    wrong, right = {"x-api-key": WRONG}, {"x-api-key": secret}
    for _ in range(LIMIT):
        with pytest.raises(Unauthenticated):
            authentication.authenticate(wrong, view, HERE)

    with CaptureQueriesContext(connection) as queries:
        with pytest.raises(TooManyWrongKeys):
            authentication.authenticate(wrong, view, HERE)
        assert authentication.authenticate(right, view, HERE).id == key.id

    assert len(queries) == 0
    with pytest.raises(Unauthenticated):
        authentication.authenticate(wrong, view, ELSEWHERE)


@pytest.mark.django_db
def test_forged_rating_tokens_are_counted_and_a_genuine_one_is_taken(client: Client) -> None:
    team = factories.team()
    entry = factories.ledger_entry(team)
    rating = {"quality_score": 5, "is_correct": True}
    genuine = feedback_tokens.issue(entry.request_id, team.id, timezone.now())
    forged = feedback_tokens.issue(uuid.uuid4(), team.id, timezone.now())[:-4] + "AAAA"

    def answered(token: str) -> int:
        return client.post("/feedback", {"token": token, **rating}, content_type="application/json").status_code

    assert [answered(forged) for _ in range(LIMIT + 1)] == [401, 401, 401, 429]
    assert answered(genuine) == 200


@pytest.mark.django_db
def test_wrong_keys_and_tickets_of_live_metrics_are_counted() -> None:
    snapshot.refresh()
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
    scope = {"type": "websocket", "path": "/metrics/live", "query_string": b"ticket=made-up", "headers": headers}
    scope["client"] = (HERE, 5000)

    def refusal() -> tuple[int, bool]:
        with pytest.raises(Refused) as refused:
            callers.authenticate(scope)
        return refused.value.status, refused.value.retry_after_seconds is not None

    assert [refusal() for _ in range(LIMIT + 1)] == [(401, False), (401, False), (401, False), (429, True)]


@pytest.mark.django_db
def test_forgetting_begins_anew() -> None:
    for _ in range(LIMIT):
        key_guesses.note(HERE)

    key_guesses.forget()

    key_guesses.note(HERE)


@pytest.mark.django_db
def test_an_address_that_reaches_the_limit_is_logged_without_its_keys(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    statuses(client, LIMIT + 2)

    written = [record.getMessage() for record in caplog.records if record.name == "accounts.services.key_guesses"]
    assert written == ["127.0.0.1 has sent 3 wrong keys in a minute: others are refused until it is over"]
    assert WRONG not in caplog.text
