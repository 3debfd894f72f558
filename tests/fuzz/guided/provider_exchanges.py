"""What a provider sends, from the bytes of its HTTP answer to our result: a usable answer, or a ProviderError.

However the network cuts the bytes, the same answer comes out, and a failure stays one.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import orjson

from routing.domain.usage import Usage
from routing.providers.base import ChatCall, ProviderError
from routing.providers.registry import ADAPTERS
from routing.providers.usage_reading import MAX_TOKENS
from tests.fuzz import hostile_provider
from tests.fuzz.guided.cutting import on_loop, ways
from tests.fuzz.guided.target import Target
from tests.fuzz.guided.wire import OneAnswer

FAILED = "refused"
# Only Anthropic's answers are read otherwise where the caller asked for JSON.
_CALLS = {
    "openai_compatible": (hostile_provider.CALL,),
    "anthropic": (hostile_provider.CALL, hostile_provider.IN_JSON),
}
Outcome = tuple[str, Any]
Reading = Callable[[str, ChatCall, list[bytes]], Coroutine[Any, Any, Outcome]]


def check_answers(kind: str, data: bytes) -> str:
    """Hold a whole answer: every way of cutting it means the same, an error with the same code included."""
    return _check(_answer, kind, data)


def check_streams(kind: str, data: bytes) -> str:
    """Hold a stream: one that ends well is the same whatever its reads; one that fails never seems complete."""
    return _check(_stream, kind, data)


def _check(read: Reading, kind: str, data: bytes) -> str:
    for call in _CALLS[kind]:
        whole, *cut = [on_loop(read(kind, call, reads)) for reads in ways(data)]
        for outcome in cut:
            assert outcome == whole, f"cut otherwise it is {outcome}, and as a whole {whole}"
    return whole[0]


async def _answer(kind: str, call: ChatCall, reads: list[bytes]) -> Outcome:
    client = OneAnswer(reads)
    try:
        found = await ADAPTERS[kind].complete(client, hostile_provider.config_of(kind), call)
    except ProviderError as error:
        return _refused(error)
    finally:
        await client.finish()
    body = orjson.loads(orjson.dumps(found.body))
    assert body["choices"], "an answer without choices"
    _check_usage(found.usage)
    # Ours, and another in the next second.
    body.pop("created", None)
    return "answer", (orjson.dumps(body), found.usage, found.finish_reason)


async def _stream(kind: str, call: ChatCall, reads: list[bytes]) -> Outcome:
    client = OneAnswer(reads)
    blocks: list[bytes] = []
    try:
        running = await ADAPTERS[kind].stream(client, hostile_provider.config_of(kind), call)
        async for block in running:
            blocks.append(block)
        await running.aclose()
    except ProviderError as error:
        # How far a broken stream came depends on its reads, and with it whether another model may still be asked.
        return _refused(error)[0], None
    finally:
        await client.finish()
    assert all(block.endswith(b"\n\n") for block in blocks), "half an event is passed on"
    end = running.end
    assert end is not None, "a stream ended without its end"
    final, extra = orjson.dumps({**end.final_chunk, "created": 0}), orjson.dumps(end.usage_extra)
    _check_usage(end.usage)
    passed_on = _without_time(b"".join(blocks)) if kind == "anthropic" else b"".join(blocks)
    return "stream", (passed_on, final, extra, end.usage, end.finish_reason, end.text)


def _refused(error: ProviderError) -> Outcome:
    assert hostile_provider.KEY not in str(error), "the key is in the error"
    assert error.message.isprintable(), f"unprintable: {error.message!r}"
    assert error.retry_after is None or error.retry_after >= 0, f"a wait of {error.retry_after} s"
    return FAILED, (error.code, error.status, error.retryable, error.fallback, error.sent)


def _check_usage(usage: Usage | None) -> None:
    if usage is not None:
        counts = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cache_write_tokens)
        assert all(type(count) is int and 0 <= count <= 3 * MAX_TOKENS for count in counts), f"{usage}"
        assert usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens, f"{usage}"
        assert usage.reasoning_tokens <= usage.output_tokens, f"{usage}"


def _without_time(events: bytes) -> bytes:
    chunks = [orjson.loads(event.removeprefix(b"data: ")) for event in events.split(b"\n\n") if event]
    return orjson.dumps([{**chunk, "created": 0} for chunk in chunks])


def _http(body: bytes, media_type: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    # Without a length, so that a changed body needs no other head.
    return b"HTTP/1.1 %s\r\nContent-Type: %s\r\n%s\r\n%s" % (status, media_type, more, body)


def _in_chunks(head_and_body: bytes, size: int) -> bytes:
    head, _, body = head_and_body.partition(b"\r\n\r\n")
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def _answer_seeds(right: list[Any]) -> dict[str, bytes]:
    answer, error = (orjson.dumps(document) for document in right)
    json = b"application/json"
    deep = answer.replace(b'"blue"', b"[" * 300 + b"]" * 300, 1)
    return {
        "answer": _http(answer, json),
        "chunked": _in_chunks(_http(answer, json + b"; charset=utf-8"), 100),
        "error": _http(error, json, b"400 Bad Request"),
        "error with 200": _http(error, json),
        "limit": _http(error, json, b"429 Too Many Requests", b"Retry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n"),
        "limit until a day of many digits": _http(
            error, json, b"429 Too Many Requests", b"Retry-After: Wed, 99999999999999999999 Oct 2026 07:28:00 GMT\r\n"
        ),
        "limit in milliseconds": _http(error, json, b"529 Overloaded", b"retry-after-ms: 1500\r\n"),
        "page": _http(b"<html>502 Bad Gateway</html>", b"text/html", b"502 Bad Gateway"),
        "redirect": _http(b"", json, b"302 Found", b"Location: http://127.0.0.1/\r\n"),
        "compressed": _http(answer, json, more=b"Content-Encoding: gzip\r\n"),
        "list": _http(b"[" + error + b"]", json, b"400 Bad Request"),
        "deep": _http(deep, json),
        "not a number": _http(answer.replace(b":10,", b":NaN,", 1), json),
    }


def _stream_seeds(events: list[dict[str, Any]], error: bytes) -> dict[str, bytes]:
    plain = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)
    named = b"".join(
        b"event: %s\ndata: %s\n\n" % (str(event.get("type", "message")).encode(), orjson.dumps(event))
        for event in events
    )
    media_type = b"text/event-stream"
    first = plain.partition(b"\n\n")[0] + b"\n\n"
    return {
        "stream": _http(plain + b"data: [DONE]\n\n", media_type),
        "named": _http(b": hi\n\n" + named, media_type + b"; charset=utf-8"),
        "returns": _http(plain.replace(b"\n", b"\r\n") + b"data: [DONE]\r\n\r\n", media_type),
        "chunked": _in_chunks(_http(plain + b"data: [DONE]\n\n", media_type), 64),
        "cut": _http(plain[: len(plain) // 2], media_type),
        "no last line": _http(plain.rstrip(b"\n"), media_type),
        "error at first": _http(b"event: error\ndata: " + error + b"\n\n", media_type),
        "error in the middle": _http(first + b"event: error\ndata: " + error + b"\n\n", media_type),
        "answered in JSON": _http(error, b"application/json"),
    }


_HTTP_WORDS = (
    b"\r\n", b"\r\n\r\n", b"200 OK", b"429 ", b"Content-Type: ", b"text/event-stream", b"application/json",
    b"Retry-After: ", b"retry-after-ms: ", b"99999999999999999999", b" +9999", b"Content-Encoding: ", b"Location: ",
)  # fmt: skip
_JSON_WORDS = (
    b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"\\ud800", b"\\u0000", b"[[[[", b'{"":', b'""', b"\xff",
    b"18446744073709551616", b'"error"', b'"message"', b'"usage"', b'"index"', b'"type"', b'"text"', b'"code"',
)  # fmt: skip
_OPENAI_WORDS = (
    b'"choices"', b'"delta"', b'"content"', b'"finish_reason"', b'"stop"', b'"prompt_tokens"', b'"completion_tokens"',
    b'"total_tokens"', b'"cached_tokens"', b'"reasoning_tokens"', b'"tool_calls"', b'"function"', b'"arguments"',
    b"context_length_exceeded", b"insufficient_quota",
)  # fmt: skip
_ANTHROPIC_WORDS = (
    b'"message_start"', b'"content_block_start"', b'"content_block_delta"', b'"content_block_stop"',
    b'"message_delta"', b'"message_stop"', b'"ping"', b'"tool_use"', b'"text_delta"', b'"input_json_delta"',
    b'"partial_json"', b'"stop_reason"', b'"end_turn"', b'"input_tokens"', b'"output_tokens"', b'"overloaded_error"',
    b'"cache_read_input_tokens"', b'"content_block"', b'"name"', b'"input"',
)  # fmt: skip
_EVENT_WORDS = (
    b"data: ",
    b"data:",
    b"event: error",
    b": ",
    b"\n\n",
    b"\r\r",
    b"\n\r\n",
    b"data: [DONE]\n\n",
    b"id: 1\n",
)
_WORDS = {"openai_compatible": _OPENAI_WORDS, "anthropic": _ANTHROPIC_WORDS}


def _targets(name: str, kind: str) -> dict[str, Target]:
    right, events = hostile_provider.RIGHT[kind]
    words = _HTTP_WORDS + _JSON_WORDS + _WORDS[kind]
    streamed = _stream_seeds(events, orjson.dumps(right[1]))
    return {
        f"{name}-answers": Target(partial(check_answers, kind), _answer_seeds(right), words),
        f"{name}-streams": Target(partial(check_streams, kind), streamed, words + _EVENT_WORDS),
    }


TARGETS = _targets("openai", "openai_compatible") | _targets("anthropic", "anthropic")
