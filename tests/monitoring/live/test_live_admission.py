"""Who is let in to the live metrics, what each may see, and who is sent away."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from accounts.services import api_keys
from monitoring.services.live import callers
from tests import factories
from tests.factories import bearer
from tests.monitoring.live.conftest import hear

OTHER_ORIGIN = "https://evil.example.com"


async def refusal(opening) -> tuple[int, str]:
    """Return status and body of the answer to a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with opening:
            raise AssertionError("The connection was let in.")
    return refused.value.response.status_code, bytes(refused.value.response.body).decode()


async def test_a_key_is_let_in_without_an_origin_and_sees_its_own_team(open_live):
    team = factories.team("alpha")
    _, secret = factories.api_key(team)

    async with open_live(key=secret) as socket:
        snapshot = await hear(socket, "snapshot")

    assert (snapshot["team"], snapshot["total_decisions"]) == ("alpha", 0)


async def test_staff_are_let_in_by_their_session_and_see_all_teams(open_live, staff):
    async with open_live(user=staff, origin=True) as socket:
        assert (await hear(socket, "snapshot"))["team"] is None


async def test_whoever_proves_nothing_is_refused(open_live, staff):
    visitor = get_user_model().objects.create_user("visitor")
    key, secret = factories.api_key()
    with time_machine.travel(timezone.now() - timedelta(seconds=61), tick=False):
        old_ticket = callers.issue_ticket(key.id)

    refused = [
        await refusal(open_live(origin=True)),
        await refusal(open_live(user=visitor, origin=True)),
        await refusal(open_live(user=staff, origin=OTHER_ORIGIN)),
        await refusal(open_live(user=staff)),
        await refusal(open_live(key=secret, origin=OTHER_ORIGIN)),
        await refusal(open_live(origin=True, query="?ticket=made-up")),
        await refusal(open_live(origin=True, query=f"?ticket={old_ticket}")),
    ]

    assert [status for status, _ in refused] == [401, 403, 403, 403, 403, 401, 401]
    assert "Log in as staff, send an API key" in refused[0][1]


async def test_a_ticket_lets_a_browser_in_without_its_key(open_live, server):
    team = factories.team("alpha")
    key, secret = factories.api_key(team)
    server.wait_until_it_knows(secret)

    async with open_live(origin=True, query=f"?ticket={callers.issue_ticket(key.id)}") as socket:
        assert (await hear(socket, "snapshot"))["team"] == "alpha"


async def test_a_key_cannot_watch_another_team_nor_learn_that_there_is_one(open_live):
    factories.team("rival")
    _, secret = factories.api_key(factories.team("alpha"))

    of_a_rival = await refusal(open_live(key=secret, query="?team=rival"))
    of_nobody = await refusal(open_live(key=secret, query="?team=nobody"))

    assert of_a_rival == of_nobody == (404, '{"detail":"There is no such team."}')


async def test_a_subscription_to_another_team_is_refused_and_changes_nothing(open_live):
    factories.ledger_entry(factories.team("rival"), reasoning="CANARY", created_at=timezone.now())
    _, secret = factories.api_key(factories.team("alpha"))

    async with open_live(key=secret) as socket:
        await hear(socket, "snapshot")
        await socket.send('{"action": "subscribe", "team": "rival"}')
        error = await hear(socket, "error")
        after = await hear(socket, "snapshot")

    assert error["code"] == "unknown_team"
    assert (after["team"], after["decisions"]) == ("alpha", [])


async def test_staff_change_from_team_to_team(open_live, staff):
    team = factories.team("alpha")
    factories.ledger_entry(team, created_at=timezone.now())

    async with open_live(user=staff, origin=True) as socket:
        await hear(socket, "snapshot")
        await socket.send('{"action": "subscribe", "team": "alpha"}')
        confirmed = await hear(socket, "subscribed")
        snapshot = await hear(socket, "snapshot")

    assert confirmed["team"] == "alpha"
    assert (snapshot["team"], len(snapshot["decisions"])) == ("alpha", 1)


async def test_a_revoked_key_and_an_ended_session_are_sent_away(open_live, staff):
    key, secret = factories.api_key()

    async with open_live(key=secret) as by_key, open_live(user=staff, origin=True) as by_session:
        await hear(by_key, "snapshot")
        await hear(by_session, "snapshot")
        api_keys.revoke(key, timezone.now())
        Session.objects.all().delete()
        for socket in (by_key, by_session):
            with pytest.raises(ConnectionClosedError):
                await hear(socket, "nothing")

    assert [by_key.close_code, by_session.close_code] == [4401, 4401]


@pytest.mark.django_db
def test_tickets_are_for_keys():
    _, secret = factories.api_key()
    user = get_user_model().objects.create_user("casey", is_staff=True)
    by_session = Client()
    by_session.force_login(user)

    issued = Client().post("/metrics/live/ticket", headers=bearer(secret))

    assert (issued.status_code, issued.json()["expires_in"]) == (200, 60)
    assert by_session.post("/metrics/live/ticket").status_code == 403
    assert Client().post("/metrics/live/ticket").status_code == 401


@pytest.mark.parametrize("path", ["/metrics/live", "/metrics/live/", "/ws/metrics/live/", "/ws/metrics/live"])
def test_plain_http_is_told_to_upgrade(path):
    answer = Client().get(path)

    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
