"""Answers and streams as a hostile provider might send them: right ones with random JSON and bytes in random places."""

import copy
from typing import Any

import orjson
from hypothesis import strategies as st

from tests.fuzz.mutations import mutated, values

OPENAI_ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-small",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "blue",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
}
OPENAI_ERROR: Any = {
    "error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}
}
OPENAI_CHUNKS: list[dict[str, Any]] = [
    {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant"}}]},
    {"id": "1", "choices": [{"index": 0, "delta": {"content": "bl"}, "finish_reason": None}]},
    {"id": "1", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}}]},
    {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"id": "1", "choices": [], "usage": OPENAI_ANSWER["usage"]},
]
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-small",
    "content": [
        {"type": "text", "text": "blue"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "thinking", "thinking": "hm"},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 2, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 1},
}
MESSAGE_ERROR: Any = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
MESSAGE_EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "blue"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
_PIECES = [
    b"\n",
    b"\r\n\r\n",
    b"data: ",
    b"data: [DONE]\n\n",
    b"event: error\n",
    b": hi\n\n",
    b"\xff",
    b"\0",
    b"\\ud800",
]


@st.composite
def _documents(draw: st.DrawFn, right: list[Any]) -> Any:
    document = copy.deepcopy(draw(st.sampled_from(right)))
    return mutated(draw, document) if draw(st.booleans()) else draw(st.just(document) | values)


@st.composite
def bodies(draw: st.DrawFn, right: list[Any]) -> bytes:
    """Draw the bytes of an answer that was right once."""
    return _damaged(draw, orjson.dumps(draw(_documents(right))))


@st.composite
def streams(draw: st.DrawFn, events: list[dict[str, Any]]) -> bytes:
    """Draw the bytes of a stream, some events changed, doubled, left out or in another order."""
    changed = [mutated(draw, copy.deepcopy(event)) if draw(st.integers(0, 3)) == 0 else event for event in events]
    order = draw(st.permutations(changed) | st.just(changed) | st.just(changed + changed[-2:]) | st.just(changed[:-2]))
    named = draw(st.booleans())
    written = b"".join(_event(event, is_named=named) for event in order) + draw(
        st.sampled_from([b"data: [DONE]\n\n", b""])
    )
    return _damaged(draw, written)


@st.composite
def reads(draw: st.DrawFn, body: bytes) -> list[bytes]:
    """Draw how a body comes over the network, in pieces cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def _event(event: Any, *, is_named: bool) -> bytes:
    name = event.get("type") if isinstance(event, dict) else None
    line = b"event: " + name.encode("utf-8", "replace") + b"\n" if is_named and isinstance(name, str) else b""
    return line + b"data: " + orjson.dumps(event) + b"\n\n"


def _damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    damaged = bytearray(raw)
    for _ in range(draw(st.integers(0, 3))):
        position = draw(st.integers(0, max(0, len(damaged) - 1)))
        damaged[position : position + draw(st.integers(0, 8))] = draw(st.binary(max_size=8) | st.sampled_from(_PIECES))
    return bytes(damaged)
