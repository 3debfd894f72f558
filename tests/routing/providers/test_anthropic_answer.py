"""Messages as in Anthropic's API reference, and the chat completions they become."""

from typing import Any

import orjson
import pytest

from routing.domain.usage import Usage
from routing.providers.anthropic_answer import chat_answer
from routing.providers.anthropic_stream import AnthropicStream
from routing.providers.base import ProviderError
from routing.providers.decoding import Undecodable
from tests.routing.providers.streams import CONFIG, chunks_in, content_of, passed_on, source_of

MESSAGE = {
    "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hello!"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 12,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 30,
        "output_tokens": 6,
    },
}


def test_message_becomes_a_chat_completion() -> None:
    answer = chat_answer(MESSAGE, created=1_700_000_000, answers_in_json=False)

    assert answer.body == {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "claude-sonnet-4-5",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello!", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        # 12 + 100 + 30 tokens went in.
        "usage": {
            "prompt_tokens": 142,
            "completion_tokens": 6,
            "total_tokens": 148,
            "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 100},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }
    assert answer.usage == Usage(input_tokens=142, output_tokens=6, cached_input_tokens=30, cache_write_tokens=100)


def test_tool_use_becomes_tool_calls_and_thinking_is_left_out() -> None:
    content = [
        {"type": "thinking", "thinking": "The user wants weather.", "signature": "EqQB"},
        {"type": "text", "text": "I'll check."},
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"location": "San Francisco, CA"}},
        {"type": "tool_use", "id": "toolu_2", "name": "get_time", "input": {}},
    ]
    message = {**MESSAGE, "content": content, "stop_reason": "tool_use"}
    answer = chat_answer(message, created=0, answers_in_json=False)

    assert answer.body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "I'll check.",
        "refusal": None,
        "tool_calls": [
            {
                "id": "toolu_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"location":"San Francisco, CA"}'},
            },
            {"id": "toolu_2", "type": "function", "function": {"name": "get_time", "arguments": "{}"}},
        ],
    }
    assert answer.finish_reason == "tool_calls"


def test_input_of_the_answering_tool_becomes_the_content() -> None:
    content = [{"type": "tool_use", "id": "toolu_1", "name": "structured_answer", "input": {"n": 4}}]
    message = {**MESSAGE, "content": content, "stop_reason": "tool_use"}
    answer = chat_answer(message, created=0, answers_in_json=True)

    assert answer.body["choices"][0]["message"] == {"role": "assistant", "content": '{"n":4}', "refusal": None}
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("a reason of next year", "stop"),
        (None, None),
    ],
)
def test_stop_reason_is_mapped(stop_reason: str | None, finish_reason: str | None) -> None:
    answer = chat_answer({**MESSAGE, "stop_reason": stop_reason}, created=0, answers_in_json=False)

    assert answer.finish_reason == finish_reason


@pytest.mark.parametrize("message", [None, [], "text", {}, {"content": "text"}, {"error": {"message": "no"}}])
def test_anything_else_is_no_message(message: Any) -> None:
    with pytest.raises(Undecodable):
        chat_answer(message, created=0, answers_in_json=False)


def _event(kind: str, **payload: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **payload}) + b"\n\n"


def _delta(index: int, **delta: Any) -> bytes:
    return _event("content_block_delta", index=index, delta=delta)


USAGE = {"input_tokens": 472, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 0, "output_tokens": 2}
START = _event("message_start", message={"id": "msg_1", "model": "claude-sonnet-4-5", "content": [], "usage": USAGE})
STOP = _event("message_stop")


def _end(reason: str) -> bytes:
    return _event("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 89}) + STOP


TOOL_STREAM = b"".join(
    [
        START,
        _event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
        _delta(0, type="thinking_delta", thinking="Hm."),
        _event("content_block_stop", index=0),
        _event("ping"),
        _event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
        _delta(1, type="text_delta", text="Okay,"),
        _delta(1, type="text_delta", text=" let me check."),
        _event("content_block_stop", index=1),
        _event(
            "content_block_start",
            index=2,
            content_block={"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}},
        ),
        _delta(2, type="input_json_delta", partial_json=""),
        _delta(2, type="input_json_delta", partial_json='{"location":'),
        _delta(2, type="input_json_delta", partial_json=' "Paris"}'),
        _event("content_block_stop", index=2),
        _event(
            "content_block_start",
            index=3,
            content_block={"type": "tool_use", "id": "toolu_2", "name": "get_time", "input": {}},
        ),
        _event("content_block_stop", index=3),
        _end("tool_use"),
    ]
)


async def _translated(raw: bytes, *, answers_in_json: bool = False) -> tuple[AnthropicStream, bytes]:
    stream = AnthropicStream(source_of(raw[:700], raw[700:]), CONFIG, created=7, answers_in_json=answers_in_json)
    await stream.begin()
    return stream, await passed_on(stream)


async def test_stream_with_text_and_tools_becomes_chunks() -> None:
    stream, events = await _translated(TOOL_STREAM)
    chunks = chunks_in(events)

    assert chunks[0] == {
        "object": "chat.completion.chunk",
        "created": 7,
        "id": "msg_1",
        "model": "claude-sonnet-4-5",
        "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
        ],
    }
    assert content_of(events) == "Okay, let me check."
    assert [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks[3:]] == [
        {"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"location":'}},
        {"index": 0, "function": {"arguments": ' "Paris"}'}},
        {"index": 1, "id": "toolu_2", "type": "function", "function": {"name": "get_time", "arguments": ""}},
        {"index": 1, "function": {"arguments": "{}"}},
    ]
    assert stream.end is not None
    assert stream.end.final_chunk["choices"][0]["finish_reason"] == "tool_calls"
    # 472 + 8 in; the 89 of message_delta replace the 2 of message_start.
    assert stream.end.usage == Usage(480, 89, cached_input_tokens=8)


async def test_streamed_input_of_the_answering_tool_becomes_content() -> None:
    block = {"type": "tool_use", "id": "toolu_1", "name": "structured_answer", "input": {}}
    raw = START + _event("content_block_start", index=0, content_block=block)
    raw += _delta(0, type="input_json_delta", partial_json='{"n":') + _delta(
        0, type="input_json_delta", partial_json=" 4}"
    )
    stream, events = await _translated(raw + _end("tool_use"), answers_in_json=True)

    assert content_of(events) == '{"n": 4}'
    assert stream.end is not None
    assert stream.end.finish_reason == "stop"


async def test_overload_before_the_start_may_be_answered_elsewhere() -> None:
    raw = _event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    with pytest.raises(ProviderError, match="Overloaded") as raised:
        await _translated(raw)

    assert (raised.value.code, raised.value.retryable, raised.value.fallback) == ("server_error", True, True)


async def test_stream_that_ends_before_its_stop_reason_is_cut() -> None:
    raw = TOOL_STREAM[: TOOL_STREAM.index(b"event: message_delta")]
    with pytest.raises(ProviderError, match="interrupted"):
        await _translated(raw)


async def test_stream_without_message_stop_is_complete_by_its_stop_reason() -> None:
    stream, _ = await _translated(TOOL_STREAM.removesuffix(STOP))

    assert stream.end is not None
    assert stream.end.finish_reason == "tool_calls"


async def test_text_is_kept_when_usage_is_missing() -> None:
    start = _event("message_start", message={"id": "msg_1", "model": "m"})
    raw = start + _delta(0, type="text_delta", text="four") + _event("message_delta", delta={"stop_reason": "end_turn"})
    stream, _ = await _translated(raw + STOP)

    assert stream.end is not None
    assert (stream.end.usage, stream.end.text) == (None, "four")


@pytest.mark.parametrize(
    "event",
    [
        _event("content_block_start", index=[0], content_block={"type": "tool_use", "id": "t", "name": "n"}),
        _event("content_block_start", index=0, content_block="text"),
        _event("content_block_stop", index={}),
        b"data: 7\n\n",
        b"data: {\n\n",
    ],
)
async def test_event_of_the_wrong_shape_breaks_the_stream(event: bytes) -> None:
    with pytest.raises(ProviderError) as raised:
        await _translated(START + event + _end("end_turn"))

    assert raised.value.code == "malformed"
