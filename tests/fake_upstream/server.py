"""The fake provider's HTTP side."""

import asyncio
import hashlib
import json
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from aiohttp import web

from tests.fake_upstream import anthropic_wire, faults, openai_wire
from tests.fake_upstream.replies import DEFAULT_TEXT, Asked, Reply, reply_to
from tests.fake_upstream.tally import Exchange, Tally

TEN_MEGABYTES = 10 * 1024 * 1024


@dataclass
class Upstream:
    """One fake provider: what it says, how slow its slow faults are, and its books."""

    tally_path: Path | None = None
    completion_text: str = DEFAULT_TEXT
    pace: faults.Pace = field(default_factory=faults.Pace)
    bodies: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=1000))
    in_flight: int = 0
    received: int = 0

    def __post_init__(self) -> None:
        self.tally = Tally(self.tally_path)
        self._seen: Counter[bytes] = Counter()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._chat_completions)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_get("/v1/models", self._models)
        app.router.add_route("*", "/redirected", self._redirected)
        return app

    async def _chat_completions(self, request: web.Request) -> web.StreamResponse:
        return await self._exchange(request, openai_wire)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return await self._exchange(request, anthropic_wire)

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {"object": "list", "data": [{"id": name, "object": "model"} for name in faults.FAULTS]}
        )

    async def _redirected(self, request: web.Request) -> web.Response:
        """Nobody should ever come here: a client that follows redirects carries its key along."""
        key = request.headers.get("Authorization", "") or request.headers.get("x-api-key", "")
        self.tally.append(Exchange("", "redirected", "", "redirect", False, key_tail=key[-4:]))
        return web.json_response({})

    async def _exchange(self, request: web.Request, wire: ModuleType) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        try:
            asked: Asked = wire.read(body)
            # A reply that cannot be made is found out here, before anything is booked or sent.
            reply_to(asked, "ok", self.completion_text, "")
        except (AttributeError, KeyError, TypeError, ValueError):
            # What every provider says of fields that are not what they should be.
            return web.json_response(wire.error(400, "the fake provider cannot read this request"), status=400)
        self.bodies.append(body)
        self.received += 1
        exchange = Exchange(
            attempt_id=request.headers.get("x-request-id", ""),
            protocol=wire.NAME,
            model=asked.model,
            fault=self._fault(asked.model, raw),
            is_stream=asked.is_stream,
            key_tail=request.headers.get(wire.KEY_HEADER, "")[-4:],
        )
        self.in_flight += 1
        try:
            return await self._answer(request, wire, asked, exchange)
        finally:
            self.tally.append(exchange)
            self.in_flight -= 1

    def _fault(self, model: str, raw: bytes) -> str:
        """``503_then_ok``, or any other status, refuses every other sending of a body, so that a retry is answered."""
        fault = faults.fault_of(model)
        if not fault.endswith("_then_ok"):
            return fault
        digest = hashlib.sha256(raw).digest()
        self._seen[digest] += 1
        return fault.removesuffix("_then_ok") if self._seen[digest] % 2 else "ok"

    async def _answer(
        self, request: web.Request, wire: ModuleType, asked: Asked, exchange: Exchange
    ) -> web.StreamResponse:
        fault = exchange.fault
        status = faults.status_of(fault)
        if status is not None:
            exchange.is_complete = True
            error = wire.error(status, f"the fake provider answers {status}")
            return web.json_response(error, status=status, headers=faults.retry_after_of(fault))
        if fault == "redirect":
            exchange.is_complete = True
            return web.Response(status=307, headers={"Location": f"http://{request.host}/redirected"})
        reply = reply_to(asked, fault, self.completion_text, exchange.attempt_id)
        _book(exchange, reply)
        await asyncio.sleep(faults.seconds_before_answer(fault, self.pace))
        headers, steps = self._steps(wire, asked, reply, fault)
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await faults.send(request, response, steps)
        await response.write_eof()
        exchange.is_complete = True
        return response

    def _steps(
        self, wire: ModuleType, asked: Asked, reply: Reply, fault: str
    ) -> tuple[dict[str, str], list[faults.Step]]:
        whole = faults.whole_body(fault)
        if whole is not None:
            return whole[1], [faults.Step(whole[0])]
        content_type = "text/event-stream" if asked.is_stream else "application/json"
        if fault == "gzip_bomb":
            return {"Content-Type": content_type, "Content-Encoding": "gzip"}, [faults.Step(faults.gzip_bomb())]
        if not asked.is_stream:
            answer = wire.wrong_type() if fault == "wrong_type" else wire.answer(reply)
            if fault == "10mb_line":
                answer["padding"] = "x" * TEN_MEGABYTES
            return {"Content-Type": content_type}, faults.body_steps(fault, json.dumps(answer).encode(), self.pace)
        steps = faults.event_steps(
            fault,
            wire.events(reply, asked),
            error_event=wire.error_event("the fake provider broke in the middle"),
            wrong_event=b"data: " + json.dumps(wire.wrong_type()).encode() + b"\n\n",
            # Costs a tenth of a second to write.
            long_event=wire.content_event(reply, "x" * TEN_MEGABYTES) if fault == "10mb_line" else b"",
            pace=self.pace,
        )
        return {"Content-Type": content_type}, steps


def _book(exchange: Exchange, reply: Reply) -> None:
    exchange.usage = faults.usage_of(exchange.fault)
    exchange.is_billed = True
    if exchange.fault != "zero_usage":
        counts = reply.counts
        exchange.prompt_tokens, exchange.completion_tokens = counts.prompt, counts.completion
        exchange.cached_tokens, exchange.reasoning_tokens = counts.cached, counts.reasoning


async def serve(upstream: Upstream, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Start serving; returns the runner, to be cleaned up by the caller, and the port."""
    # A client that hangs up ends the handler, so that the tally shows the exchange at once.
    runner = web.AppRunner(upstream.application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return runner, runner.addresses[0][1]
