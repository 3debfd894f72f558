"""The WebSocket of live metrics: one connection from its handshake to its end."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec
from django.db import DatabaseError, InterfaceError

from accounts.models import Team
from monitoring.services.live import callers, messages
from monitoring.services.live.callers import Caller, Refused
from monitoring.services.live.hub import Full, Hub
from monitoring.services.live.scopes import scope_of
from monitoring.services.live.viewer import Viewer

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_MESSAGE_BYTES = 4096
MAX_MESSAGES = 30
MESSAGES_SECONDS = 10.0
CLOSE_SECONDS = 5.0
RETRY_SECONDS = 5
UNSUPPORTED_DATA, POLICY_VIOLATION, TOO_BIG, INTERNAL_ERROR = 1003, 1008, 1009, 1011


class UnknownTeam(Exception):
    """There is no such team, or the caller may not see it."""


class Command(msgspec.Struct, forbid_unknown_fields=True):
    """What a viewer may ask; ``team`` is a slug, or null for all teams."""

    action: Literal["ping", "subscribe", "refresh"]
    team: str | msgspec.UnsetType | None = msgspec.UNSET
    topics: set[Literal["snapshot", "events"]] | None = None


class LiveConsumer:
    """The ASGI application behind ``/metrics/live``."""

    def __init__(self) -> None:
        self.hub = Hub()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            viewer = await self._admitted(scope)
            await self.hub.join(viewer)
        except Refused as refused:
            await _deny(scope, receive, send, refused)
            return
        except Full as error:
            await _deny(scope, receive, send, Refused(503, str(error), RETRY_SECONDS))
            return
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            logger.warning("A viewer could not be let in: %s", type(error).__name__)
            away = "The database does not answer. Try again in a moment."
            await _deny(scope, receive, send, Refused(503, away, RETRY_SECONDS))
            return
        try:
            await send({"type": "websocket.accept"})
            await _Conversation(self.hub, viewer, receive, send).run()
        finally:
            await self.hub.leave(viewer)

    async def _admitted(self, scope: Scope) -> Viewer:
        caller = await self.hub.read(callers.authenticate, scope)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("team", [""])[0]
        try:
            team_id, slug = await self.hub.read(_team, caller, asked or None)
        except UnknownTeam as error:
            raise Refused(404, str(error)) from None
        return Viewer(caller, scope_of(team_id), slug)


class _Conversation:
    """Sends what comes for a viewer while it reads what the viewer asks."""

    def __init__(self, hub: Hub, viewer: Viewer, receive: Receive, send: Send) -> None:
        self._hub = hub
        self._viewer = viewer
        self._receive = receive
        self._send = send
        self._asked_at: deque[float] = deque(maxlen=MAX_MESSAGES)

    async def run(self) -> None:
        reading = asyncio.create_task(self._read())
        reading.add_done_callback(self._end)
        try:
            code, reason = await self._viewer.run(self._send_text)
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (TimeoutError, OSError):
            # It takes nothing any more, or is gone: returning breaks the connection off.
            return
        finally:
            reading.cancel()

    def _end(self, reading: asyncio.Task[None]) -> None:
        error = None if reading.cancelled() else reading.exception()
        if error is not None:
            logger.error("A live connection failed", exc_info=error)
        # Without effect where the viewer has been closed already.
        self._viewer.close(INTERNAL_ERROR, "Something went wrong here.")

    async def _send_text(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def _read(self) -> None:
        await self._hub.refresh(self._viewer)
        while self._viewer.closed_because is None:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._viewer.close(1000, "")
                return
            await self._answer(message)

    async def _answer(self, message: MutableMapping[str, Any]) -> None:
        text = message.get("text")
        if text is None:
            self._viewer.close(UNSUPPORTED_DATA, 'Send text: JSON such as {"action": "ping"}.')
        elif len(text) > MAX_MESSAGE_BYTES:
            self._viewer.close(TOO_BIG, f"A message may have {MAX_MESSAGE_BYTES} characters.")
        elif self._is_flooding():
            self._viewer.close(POLICY_VIOLATION, f"Send at most {MAX_MESSAGES} messages in {MESSAGES_SECONDS:.0f} s.")
        else:
            await self._obey(text)

    def _is_flooding(self) -> bool:
        now = time.monotonic()
        is_full = len(self._asked_at) == MAX_MESSAGES and now - self._asked_at[0] < MESSAGES_SECONDS
        self._asked_at.append(now)
        return is_full

    async def _obey(self, text: str) -> None:
        try:
            command = msgspec.json.decode(text, type=Command)
        except (msgspec.DecodeError, RecursionError) as error:
            self._viewer.reply(messages.error("invalid_message", f"This is no message: {str(error)[:200]}"))
            return
        if command.action == "ping":
            self._viewer.reply(messages.PONG)
        elif command.action == "subscribe":
            await self._subscribe(command)
        else:
            await self._hub.refresh(self._viewer)

    async def _subscribe(self, command: Command) -> None:
        if command.team is not msgspec.UNSET:
            try:
                team_id, slug = await self._hub.read(_team, self._viewer.caller, command.team or None)
            except UnknownTeam as error:
                self._viewer.reply(messages.error("unknown_team", str(error)))
                return
            except (DatabaseError, InterfaceError, TimeoutError):
                self._viewer.reply(messages.error("unavailable", "The database does not answer. Try again."))
                return
            self._viewer.watch(scope_of(team_id), slug)
        if command.topics is not None:
            self._viewer.want(frozenset(command.topics))
        self._viewer.reply(messages.subscribed(self._viewer.team, sorted(self._viewer.topics)))
        await self._hub.refresh(self._viewer)


def _team(caller: Caller, slug: str | None) -> tuple[int | None, str | None]:
    """Return id and slug of the team whose figures are asked for, None for all; raises UnknownTeam."""
    if caller.key is not None:
        own = caller.key.team
        if slug is None or slug == own.slug:
            return own.id, own.slug
    elif slug is None:
        return None, None
    elif team := Team.objects.filter(slug=slug[:64]).first():
        return team.id, team.slug
    raise UnknownTeam("There is no such team.")


async def _deny(scope: Scope, receive: Receive, send: Send, refused: Refused) -> None:
    """Answer the handshake with an HTTP error where the server can, else refuse it without a word."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 4000 + refused.status})
        return
    body = messages.denial(str(refused))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refused.retry_after_seconds is not None:
        headers.append((b"retry-after", str(refused.retry_after_seconds).encode()))
    await send({"type": "websocket.http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
    # uvicorn takes an application that returns before the connection is gone for one that has not answered.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            for _ in range(2):
                await receive()
