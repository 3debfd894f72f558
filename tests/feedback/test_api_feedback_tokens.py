import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Team
from feedback.models import ResponseFeedback
from routing.models import LedgerEntry
from routing.services import feedback_tokens
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    return factories.team()


@pytest.fixture
def key(team: Team) -> tuple[ApiKey, str]:
    return factories.api_key(team)


@pytest.fixture
def entry(team: Team, key: tuple[ApiKey, str]) -> LedgerEntry:
    return factories.ledger_entry(team, created_at=timezone.now() - timedelta(minutes=1), user_id="ann", api_key=key[0])


@pytest.fixture
def application(key: tuple[ApiKey, str]) -> Client:
    return Client(headers=factories.bearer(key[1]))


def token_for(entry: LedgerEntry) -> str:
    return feedback_tokens.issue(entry.request_id, entry.team_id, timezone.now())


def rate(token: object, browser: Client | None = None, **fields: Any) -> Any:
    body = {"token": token, "quality_score": 2, "is_correct": False, **fields}
    return (browser or Client()).post("/feedback", body, content_type="application/json")


def ask(application: Client, request_id: object) -> Any:
    return application.post("/feedback/token", {"request_id": str(request_id)}, content_type="application/json")


def test_token_is_issued_for_ones_own_request(application: Client, entry: LedgerEntry) -> None:
    answer = ask(application, entry.request_id)

    assert answer.status_code == 200
    assert answer.json()["request_id"] == str(entry.request_id)
    assert rate(answer.json()["token"]).status_code == 200


def test_token_for_an_unknown_or_foreign_request_is_not_issued(application: Client) -> None:
    theirs = factories.ledger_entry(factories.team())

    answers = [ask(application, request_id) for request_id in (theirs.request_id, uuid.uuid4(), "no id")]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_token_is_not_issued_without_a_key(entry: LedgerEntry) -> None:
    assert ask(Client(), entry.request_id).status_code == 401


def test_browser_rates_by_token_as_the_user_of_the_request(entry: LedgerEntry, key: tuple[ApiKey, str]) -> None:
    answer = rate(token_for(entry), comment="Wrong.")

    assert answer.status_code == 200
    assert answer.json()["request_id"] == str(entry.request_id)
    assert answer.json()["linked"] is True
    row = ResponseFeedback.objects.get()
    assert (row.source, row.user_id, row.api_key, row.comment) == ("token", "ann", key[0], "Wrong.")


@pytest.mark.parametrize("name", ["request_id", "user_id"])
def test_token_says_which_request_and_whose(entry: LedgerEntry, name: str) -> None:
    answer = rate(token_for(entry), None, **{name: "someone-else"})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", name]
    assert ResponseFeedback.objects.count() == 0


def test_token_gives_no_other_right(entry: LedgerEntry) -> None:
    token = token_for(entry)
    feedback_id = rate(token).json()["feedback_id"]
    browser = Client(headers=factories.bearer(token))

    assert browser.get(f"/feedback/{feedback_id}").status_code == 401
    assert browser.get("/stats").status_code == 401
    assert ask(browser, entry.request_id).status_code == 401


@pytest.mark.parametrize("place", [0, 5, 20, 45, 59])
def test_changed_token_is_refused(entry: LedgerEntry, place: int) -> None:
    token = token_for(entry)
    changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]

    answer = rate(changed)

    assert answer.status_code == 401
    assert "not genuine" in answer.json()["detail"]
    assert answer.headers["www-authenticate"] == "Bearer"
    assert ResponseFeedback.objects.count() == 0


@pytest.mark.parametrize("token", ["", "x", "x" * 61, "+" * 60, "é" * 60, "A" * 150])
def test_what_is_no_token_is_refused(token: str) -> None:
    answer = rate(token)

    assert answer.status_code == 401
    assert "no feedback token" in answer.json()["detail"]


@pytest.mark.parametrize("token", [None, 5, ["a"], {"a": 1}, True])
def test_token_of_another_type_proves_nothing(token: object) -> None:
    assert rate(token).status_code == 401


def test_expired_token_is_refused(entry: LedgerEntry, settings: Any) -> None:
    settings.FEEDBACK_TOKEN_DAYS = 30
    issued_at = timezone.now() - timedelta(days=30, seconds=1)

    answer = rate(feedback_tokens.issue(entry.request_id, entry.team_id, issued_at))

    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]


def test_token_of_a_rotated_secret_key_still_works(entry: LedgerEntry, settings: Any) -> None:
    token = token_for(entry)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret key"

    assert rate(token).status_code == 200


def test_token_of_an_inactive_team_is_refused(entry: LedgerEntry, team: Team) -> None:
    Team.objects.filter(id=team.id).update(is_active=False)

    assert rate(token_for(entry)).status_code == 401


def test_token_of_another_teams_number_links_nothing(entry: LedgerEntry) -> None:
    other = factories.team()

    answer = rate(feedback_tokens.issue(entry.request_id, other.id, timezone.now()))

    assert answer.json()["linked"] is False


def test_one_request_is_rated_twenty_times_a_day_by_token(entry: LedgerEntry, team: Team) -> None:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    for _ in range(19):
        factories.feedback(team, source="token", ledger_request_id=entry.request_id, created_at=an_hour_ago)

    last, refused = rate(token_for(entry)), rate(token_for(entry))

    assert (last.status_code, refused.status_code) == (200, 429)
    # The first of the twenty leaves the day in 23 hours, less what this test takes.
    assert 23 * 3600 - 60 < int(refused.headers["retry-after"]) <= 23 * 3600
    assert ResponseFeedback.objects.count() == 20


def test_day_of_the_limit_moves_on(entry: LedgerEntry, team: Team) -> None:
    for _ in range(20):
        factories.feedback(
            team,
            source="token",
            ledger_request_id=entry.request_id,
            created_at=timezone.now() - timedelta(hours=24, seconds=1),
        )

    assert rate(token_for(entry)).status_code == 200


def test_ratings_by_key_do_not_use_up_the_tokens(entry: LedgerEntry, team: Team) -> None:
    for _ in range(20):
        factories.feedback(team, ledger_request_id=entry.request_id, created_at=timezone.now())

    assert rate(token_for(entry)).status_code == 200


def test_idempotency_keys_of_two_tokens_never_meet(team: Team, entry: LedgerEntry) -> None:
    other = factories.ledger_entry(team)
    browser = Client(headers={"idempotency-key": "1"})

    answers = [rate(token_for(row), browser) for row in (entry, other, entry)]

    ids = [answer.json()["feedback_id"] for answer in answers]
    assert ids[0] == ids[2] != ids[1]


def test_pages_of_allowed_origins_may_rate(entry: LedgerEntry, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    ours, theirs = (Client(headers={"origin": origin}) for origin in ("https://app.example", "https://evil.example"))

    preflight = ours.options("/feedback", headers={"access-control-request-method": "POST"})

    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert rate(token_for(entry), ours).headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in rate(token_for(entry), theirs).headers
