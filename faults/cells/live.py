"""G1: live connections that nobody let in, that say too much, that rest by the hundred, and whose key is taken away."""

import asyncio
import contextlib
from typing import Any

import aiohttp

from faults.cell import Cell
from faults.cells.providers import good_ones_served
from faults.load import Plan
from faults.stack import Stack

PATH = "/metrics/live"
IDLE = 200
# Keys of open connections are looked at again every fifteen seconds.
REVOKED_SECONDS = 30.0
# Replicas know of a new key within a second.
KNOWN_SECONDS = 2.0
_ANSWER_SECONDS = 10.0
_REFUSED = (401, 403)


async def trouble(stack: Stack) -> None:
    """Open what must be refused and what must be borne, while requests go on."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(
            _unknown(session, stack), _too_much(session, stack), _crossing(session, stack), _revoked(session, stack)
        )
        async with contextlib.AsyncExitStack() as idle:
            for number in range(IDLE):
                url = stack.urls[number % len(stack.urls)]
                await idle.enter_async_context(_connect(session, url, stack.clients[number % 4].secret))
            await asyncio.sleep(2.0)


def _connect(session: aiohttp.ClientSession, url: str, secret: str, **headers: str) -> Any:
    sent = {"Authorization": f"Bearer {secret}"} if secret else {}
    return session.ws_connect(url + PATH, headers={**sent, **headers}, autoping=True)


async def _unknown(session: aiohttp.ClientSession, stack: Stack) -> None:
    for secret, headers in (("", {}), ("ao-no-such-key", {}), ("", {"Origin": "https://elsewhere.example"})):
        try:
            async with _connect(session, stack.urls[0], secret, **headers):
                stack.problems.append(f"a live connection was let in with {secret or 'no key'} and {headers}")
        except aiohttp.WSServerHandshakeError as refusal:
            if refusal.status not in _REFUSED:
                stack.problems.append(f"a live connection was refused with {refusal.status}")


async def _too_much(session: aiohttp.ClientSession, stack: Stack) -> None:
    async with _connect(session, stack.urls[0], stack.clients[0].secret) as live:
        with contextlib.suppress(ConnectionError):
            await live.send_str("x" * 2_000_000)
        if not await _is_closed_within(live, _ANSWER_SECONDS):
            stack.problems.append("a live connection that sent 2 MB was not closed")


async def _crossing(session: aiohttp.ClientSession, stack: Stack) -> None:
    """Ask for another team's figures: an error, and none of them."""
    own, other = stack.clients[:2]
    async with _connect(session, stack.urls[1], own.secret) as live:
        await live.send_json({"action": "subscribe", "team": other.slug, "topics": ["snapshot", "events"]})
        told: list[dict[str, Any]] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                while not any(message.get("type") == "error" for message in told):
                    told.append(await live.receive_json())
    if not any(message.get("code") == "unknown_team" for message in told):
        stack.problems.append("a subscription to another team was not refused")
    if any(message.get("team") == other.slug for message in told):
        stack.problems.append("a live connection was told of another team")


async def _revoked(session: aiohttp.ClientSession, stack: Stack) -> None:
    from django.utils import timezone

    from accounts.models import Team
    from accounts.services import api_keys

    def issue() -> Any:
        return api_keys.issue(team=Team.objects.get(id=stack.clients[0].team_id), name="to be revoked")

    issued = await asyncio.to_thread(issue)
    await asyncio.sleep(KNOWN_SECONDS)
    async with _connect(session, stack.urls[0], issued.secret) as live:
        await asyncio.to_thread(lambda: api_keys.revoke(issued.api_key, timezone.now()))
        if not await _is_closed_within(live, REVOKED_SECONDS):
            stack.problems.append(f"a live connection outlived its key by {REVOKED_SECONDS:g} s")


async def _is_closed_within(live: Any, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while (await live.receive()).type not in (
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.CLOSING,
                aiohttp.WSMsgType.ERROR,
            ):
                pass
    except TimeoutError:
        return False
    return True


CELLS = (
    Cell(
        "G1",
        "live connections: uninvited, too loud, idle, revoked",
        Plan(models=("ok",), concurrency=8),
        trouble,
        expect=(good_ones_served,),
    ),
)
