"""The hot path as a plain ASGI application: two POST paths, beside Django in the same process (docs/adr/0001)."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from msgspec.structs import replace

from accounts.selectors import KeyInfo
from accounts.services import api_figures
from routing.gateway import authentication, http, requests
from routing.gateway.http import Receive, Scope, Send
from routing.gateway.requests import InvalidRequest
from routing.gateway.write_watch import WriteWatch
from routing.services import (
    database_clock,
    decisions,
    feedback_tokens,
    rendering,
    request_ids,
    snapshot,
    traffic_splits,
)
from routing.services.assignments import SplitNotHeld
from routing.services.completion import Completion, StreamReply
from routing.services.completion_request import CompletionRequest
from routing.services.rendering import Rendered
from routing.services.runtime import Runtime
from routing.services.snapshot import Snapshot
from routing.services.wish import AUTO

logger = logging.getLogger(__name__)

CHAT_PATH = "/v1/chat/completions"
COMPLETE_PATH = "/complete"
WRITE_SECONDS = 30
LARGE_BODY_BYTES = 50_000
PATHS = frozenset({CHAT_PATH, COMPLETE_PATH, f"{CHAT_PATH}/", f"{COMPLETE_PATH}/"})


class Overloaded(Exception):
    """This process has as many requests in flight as it may, or is about to stop."""


class HttpError(Protocol):
    """An error as the API answers it."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


class Gateway:
    """Answers ``PATHS``. ``to_http`` and ``error_body`` say how an exception is answered."""

    def __init__(
        self,
        to_http: Callable[[BaseException], HttpError],
        error_body: Callable[[str, Any], bytes],
    ) -> None:
        self._to_http = to_http
        self._error_body = error_body
        self.runtime: Runtime | None = None

    async def startup(self) -> None:
        self.runtime = await Runtime.start()

    async def shutdown(self) -> None:
        if self.runtime is not None:
            await self.runtime.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        if settings.CORS_ALLOWED_ORIGINS:
            send = http.with_cors(scope, send, settings.CORS_ALLOWED_ORIGINS)
        exchange = _Exchange(self, scope, receive, send, started)
        runtime = self.runtime
        if runtime is None:
            await exchange.refuse(Overloaded("The gateway is starting. Try again in a moment."))
            return
        # The server lets a request end that its client has given up, and breaks it off only when it shuts down.
        runtime.begin_work()
        try:
            await exchange.run(runtime)
        finally:
            runtime.end_work()

    def answer_of(self, error: BaseException, path: str, request_id: str) -> Rendered:
        answer = self._to_http(error)
        if answer.status >= 500 and not isinstance(error, Overloaded):
            logger.error("Request %s failed: %s", request_id, type(error).__name__, exc_info=answer.status == 500)
        headers = {**answer.headers, "x-request-id": request_id}
        return Rendered(answer.status, headers, self._error_body(path, answer))


def _stays() -> bool:
    return False


class _Exchange:
    """One HTTP exchange: reads the request, runs its completion, sends what comes of it."""

    def __init__(self, gateway: Gateway, scope: Scope, receive: Receive, send: Send, started: float) -> None:
        self._gateway = gateway
        self._scope = scope
        self._receive = receive
        self._send = send
        self._started = started
        self._path: str = scope["path"].rstrip("/")
        self._request_id = str(request_ids.new(database_clock.now()))
        self._team_id: int | None = None
        self._status = api_figures.CLIENT_GONE

    async def run(self, runtime: Runtime) -> None:
        try:
            completion, is_stream = await self._begin(runtime)
            if is_stream:
                await self._run_stream(completion)
            else:
                await self._send_answer(await completion.answer())
        except http.ClientDisconnected:
            return
        except Exception as error:
            await self.refuse(error)
        finally:
            seconds = time.monotonic() - self._started
            api_figures.answered(self._path, self._scope["method"], self._status, seconds)

    async def _run_stream(self, completion: Completion) -> None:
        watcher = asyncio.create_task(self._watch(completion))
        try:
            reply = await completion.stream()
            if isinstance(reply, Rendered):
                await self._send_answer(reply)
            elif reply.drains:
                await self._pass_on(completion, reply)
            else:
                await self._pass_on_until_hang_up(completion, reply, watcher)
        finally:
            watcher.cancel()

    async def _send_answer(self, answer: Rendered) -> None:
        self._status = answer.status
        headers = self._with_token(answer.headers) if answer.status == 200 else answer.headers
        await http.send_whole(self._send, answer.status, headers, answer.body, answer.content_type)

    async def _send_rendered(self, answer: Rendered) -> None:
        self._status = answer.status
        await http.send_whole(self._send, answer.status, answer.headers, answer.body, answer.content_type)

    async def refuse(self, error: Exception) -> None:
        await self._send_rendered(self._gateway.answer_of(error, self._path, self._request_id))

    async def _begin(self, runtime: Runtime) -> tuple[Completion, bool]:
        if self._scope["method"] != "POST":
            raise InvalidRequest(f"Use POST for {self._path}.", status=405, code="method_not_allowed")
        if not runtime.is_accepting or runtime.in_flight > settings.GATEWAY_MAX_IN_FLIGHT:
            raise Overloaded("The gateway is at its limit or about to restart. Try again in a moment.")
        headers = http.headers_of(self._scope)
        view = snapshot.held()
        key = authentication.authenticate(headers, view, http.address_of(self._scope))
        self._team_id = key.team.id
        http.check_media_type(headers)
        await authentication.admit(key, runtime)
        raw = await http.read_body(
            self._receive,
            headers,
            limit=settings.GATEWAY_MAX_BODY_BYTES,
            seconds=settings.GATEWAY_BODY_SECONDS,
        )
        prepare = partial(self._prepare, runtime, key, headers, raw)
        # Reading and weighing a long prompt takes milliseconds that the other requests should not wait for.
        is_long = len(raw) > LARGE_BODY_BYTES
        try:
            return await asyncio.to_thread(prepare, view) if is_long else prepare(view)
        except SplitNotHeld as error:
            # It may have begun a moment ago.
            await runtime.read(partial(traffic_splits.check_running, error.experiment_id, team_id=key.team.id))
            view = await runtime.read(snapshot.refresh)
            joins = error.experiment_id in view.splits
            return await asyncio.to_thread(prepare, view, joins=joins)

    def _prepare(
        self,
        runtime: Runtime,
        key: KeyInfo,
        headers: Mapping[str, str],
        raw: bytes,
        view: Snapshot,
        *,
        joins: bool = True,
    ) -> tuple[Completion, bool]:
        """Read the request and decide; ``joins`` is false where the experiment it names cannot be loaded."""
        read = self._chat if self._path == CHAT_PATH else self._complete
        request = read(key, headers, raw)
        if not joins:
            request = replace(request, experiment_id=None)
        # Whoever waits for a whole answer is looked after when it is there; a stream has a watcher of its own.
        has_hung_up = _stays if request.is_stream else partial(http.has_hung_up, self._scope, self._receive)
        return Completion(runtime, view, request, has_hung_up), request.is_stream

    def _chat(self, key: KeyInfo, headers: Mapping[str, str], raw: bytes) -> CompletionRequest:
        body = requests.parse_json(raw)
        chat = requests.chat_request(body)
        given = requests.request_controls(headers, chat.metadata)
        requests.check_experiment(given, chat.model)
        return CompletionRequest(
            request_id=self._request_id,
            key=key,
            endpoint="chat",
            body=requests.provider_body(body),
            requested_model=chat.model,
            is_stream=bool(chat.stream),
            wants_usage_chunk=bool(chat.stream_options and chat.stream_options.include_usage),
            controls=given.controls,
            may_cache=given.may_cache,
            task=given.task,
            session_id=given.session_id,
            user_id=requests.label(chat.user, "user", 200),
            idempotency_key=requests.idempotency_key(headers),
            body_hash=requests.body_hash(raw),
            received_at=database_clock.now(),
            started=self._started,
            experiment_id=given.experiment_id,
            traceparent=headers.get("traceparent"),
        )

    def _complete(self, key: KeyInfo, headers: Mapping[str, str], raw: bytes) -> CompletionRequest:
        asked = requests.complete_request(requests.parse_json(raw))
        given = requests.request_controls(headers, None)
        strategy = asked.strategy or ("hybrid" if asked.auto_route else decisions.DEFAULT_STRATEGY)
        return CompletionRequest(
            request_id=self._request_id,
            key=key,
            endpoint="complete",
            body={"messages": [{"role": "user", "content": asked.prompt}], "max_tokens": asked.max_tokens},
            requested_model=f"{AUTO}:{strategy}",
            is_stream=False,
            wants_usage_chunk=False,
            controls=given.controls,
            may_cache=given.may_cache,
            task=given.task,
            session_id=requests.label(asked.session_id, "session_id", 200) or given.session_id,
            user_id=requests.label(asked.user_id, "user_id", 200),
            idempotency_key=requests.idempotency_key(headers),
            body_hash=requests.body_hash(raw),
            received_at=database_clock.now(),
            started=self._started,
            experiment_id=given.experiment_id if asked.experiment_id is None else asked.experiment_id,
            traceparent=headers.get("traceparent"),
        )

    def _with_token(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Add what lets an end user's browser rate this answer, a repeated one under the id of the first."""
        assert self._team_id is not None
        token = feedback_tokens.issue(UUID(headers["x-request-id"]), self._team_id, database_clock.now())
        return {**headers, feedback_tokens.HEADER: token}

    async def _watch(self, completion: Completion) -> None:
        """Notice a hang-up: a plain ASGI application is not told otherwise."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        completion.note_hang_up()

    async def _pass_on(self, completion: Completion, reply: StreamReply) -> None:
        watch = WriteWatch(WRITE_SECONDS)
        self._status = 200
        try:
            await http.start(self._send, 200, self._with_token(reply.headers), rendering.STREAM_TYPE)
            async for block in reply.blocks:
                if not completion.is_client_gone:
                    await self._send_block(completion, block, watch)
                if completion.is_client_gone and not reply.drains:
                    return
        finally:
            watch.close()
            # Broken off here, the blocks would settle their row only when they are collected as garbage.
            await reply.blocks.aclose()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pass_on_until_hang_up(
        self, completion: Completion, reply: StreamReply, watcher: asyncio.Task[None]
    ) -> None:
        """Break the answer off at once, also where the provider is silent and no block will come for a while."""
        passing = asyncio.create_task(self._pass_on(completion, reply))
        watcher.add_done_callback(lambda _: passing.cancel())
        try:
            await passing
        except asyncio.CancelledError:
            if not completion.is_client_gone:
                raise

    async def _send_block(self, completion: Completion, block: bytes, watch: WriteWatch) -> None:
        """Send a block; a client that takes nothing for too long counts as gone, so that it holds nothing up."""
        try:
            await watch.within(self._send({"type": "http.response.body", "body": block, "more_body": True}))
        except TimeoutError:
            completion.note_hang_up()
            # Left open, it would hold this task at its next write, for as long as the client likes.
            http.hang_up(self._scope)
