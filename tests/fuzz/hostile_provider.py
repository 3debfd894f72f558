"""The way of a provider's answer through its adapter, without a network between them."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from hypothesis import strategies as st

from routing.domain.usage import Usage
from routing.providers.base import ChatCall, Deadlines, Provider, ProviderConfig, ProviderError
from routing.providers.http_client import HttpClient
from routing.providers.http_response import Headers
from routing.providers.registry import ADAPTERS
from routing.providers.usage_reading import MAX_TOKENS
from tests.fuzz import provider_answers
from tests.fuzz.entry import Outcome
from tests.routing.providers.streams import FakeResponse

KEY = "sk-canary-0123456789abcdef"
RIGHT = {
    "openai_compatible": (
        [provider_answers.OPENAI_ANSWER, provider_answers.OPENAI_ERROR],
        provider_answers.OPENAI_CHUNKS,
    ),
    "anthropic": ([provider_answers.MESSAGE, provider_answers.MESSAGE_ERROR], provider_answers.MESSAGE_EVENTS),
}
STATUSES = (200, 200, 200, 201, 302, 400, 401, 404, 429, 500, 529)
CALL = ChatCall("attempt-1", "small", {"model": "auto", "messages": [{"role": "user", "content": "Why?"}]})
IN_JSON = ChatCall("attempt-2", "small", {**CALL.body, "response_format": {"type": "json_object"}})


class Response(FakeResponse):
    """What an exchange needs of a response, whose body arrives in exactly these reads."""

    def __init__(self, status: int, headers: Mapping[bytes, bytes], reads: list[bytes]) -> None:
        super().__init__(reads)
        self.status = status
        self.headers = Headers(headers)


class Canned(HttpClient):
    """Answers every request with the one response."""

    def __init__(self, response: Response) -> None:
        self._response = response

    async def request(self, *_arguments: Any, **_options: Any) -> Any:
        return self._response


@st.composite
def answers(draw: st.DrawFn, kind: str) -> tuple[ChatCall, Response]:
    """Draw a call, and what a hostile provider of this kind answers."""
    body = draw(provider_answers.bodies(RIGHT[kind][0]))
    return _drawn(draw, body, b"application/json")


@st.composite
def streams(draw: st.DrawFn, kind: str) -> tuple[ChatCall, Response]:
    """Draw a call, and what a hostile provider of this kind streams."""
    body = draw(provider_answers.streams(RIGHT[kind][1]))
    return _drawn(draw, body, b"text/event-stream")


def answer(kind: str, call: ChatCall, response: Response) -> Outcome:
    """Read an answer; anything but an answer that can be passed on, or a ProviderError, is a finding."""
    return asyncio.run(_answer(ADAPTERS[kind], config_of(kind), call, response))


def stream(kind: str, call: ChatCall, response: Response) -> Outcome:
    """Read a stream to its end, likewise."""
    return asyncio.run(_stream(ADAPTERS[kind], config_of(kind), call, response))


async def _answer(adapter: Provider, config: ProviderConfig, call: ChatCall, response: Response) -> Outcome:
    try:
        found = await adapter.complete(Canned(response), config, call)
    except ProviderError as error:
        return _refused(error)
    assert orjson.loads(orjson.dumps(found.body))["choices"], "an answer without choices"
    _check_usage(found.usage)
    return Outcome.ACCEPTED


async def _stream(adapter: Provider, config: ProviderConfig, call: ChatCall, response: Response) -> Outcome:
    try:
        running = await adapter.stream(Canned(response), config, call)
        blocks = [block async for block in running]
    except ProviderError as error:
        return _refused(error)
    await running.aclose()
    assert all(block.endswith(b"\n\n") for block in blocks), "half an event is passed on"
    assert running.end is not None, "a stream ended without its end"
    orjson.dumps(running.end.final_chunk)
    orjson.dumps(running.end.usage_extra)
    _check_usage(running.end.usage)
    return Outcome.ACCEPTED


def _refused(error: ProviderError) -> Outcome:
    assert KEY not in str(error), "the key is in the error"
    assert error.message.isprintable(), f"unprintable: {error.message!r}"
    return Outcome.REFUSED


def _check_usage(usage: Usage | None) -> None:
    if usage is not None:
        counts = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_tokens)
        assert all(type(count) is int and 0 <= count <= 3 * MAX_TOKENS for count in counts), f"{usage}"


def config_of(kind: str) -> ProviderConfig:
    return ProviderConfig("fake", kind, "https://provider.example/v1", KEY, Deadlines())


def _drawn(draw: st.DrawFn, body: bytes, media_type: bytes) -> tuple[ChatCall, Response]:
    quoted = body.replace(b"blue", KEY.encode(), 1) if draw(st.integers(0, 9)) == 0 else body
    headers = {b"content-type": draw(st.sampled_from([media_type, media_type, media_type, b"text/html"]))}
    headers |= draw(st.sampled_from([{}, {}, {b"retry-after": b"-1"}, {b"retry-after": b"9" * 400}]))
    reads = draw(provider_answers.reads(quoted))
    return draw(st.sampled_from([CALL, IN_JSON])), Response(draw(st.sampled_from(STATUSES)), headers, reads)
