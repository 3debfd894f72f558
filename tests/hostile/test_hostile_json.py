"""JSON that is malformed, extreme or of the wrong types is answered 4xx, or served where it harms nobody."""

import json
from typing import Any

import pytest

from tests.hostile.raw import CHAT, COMPLETE, RawClient, chat_body

DEEP = b"[" * 5000 + b"]" * 5000


def chat_with(extra: bytes) -> bytes:
    """Return a chat body with a field that no JSON library would write."""
    return chat_body()[:-1] + b"," + extra + b"}"


CHAT_BODIES: dict[str, tuple[bytes, int]] = {
    "nested 5,000 deep": (chat_with(b'"x":' + DEEP), 400),
    "nested 5,000 deep at the root": (DEEP, 400),
    "nested 300 deep where it is passed on": (chat_with(b'"x":' + b"[" * 300 + b"]" * 300), 400),
    "nested 300 deep in the metadata": (chat_with(b'"metadata":{"x":' + b"[" * 300 + b"]" * 300 + b"}"), 400),
    "nested 300 deep in a message": (
        b'{"model":"ok","messages":[{"role":"user","content":"x","y":' + b"[" * 300 + b"]" * 300 + b"}]}",
        400,
    ),
    "nested 300 deep in a tool": (chat_with(b'"tools":[{"x":' + b"[" * 300 + b"]" * 300 + b"}]"), 400),
    "NUL in the prompt": (chat_body(messages=[{"role": "user", "content": "a\0b"}]), 200),
    "NUL in a key": (chat_with(b'"a\\u0000b":1'), 200),
    "NUL in the model": (chat_body(model="o\0k"), 404),
    "NUL in the user": (chat_body(user="a\0b"), 422),
    "NUL in a control": (chat_body(metadata={"x-optimizer-task": "a\0b"}), 422),
    "lone surrogate in a value": (chat_with(b'"user":"\\ud800"'), 400),
    "lone surrogate in a key": (chat_with(b'"\\udfff":1'), 400),
    "NaN": (chat_with(b'"temperature":NaN'), 400),
    "-Infinity": (chat_with(b'"x":-Infinity'), 400),
    "1e999": (chat_with(b'"x":1e999'), 400),
    "integer of 5,000 digits": (chat_with(b'"max_tokens":' + b"9" * 5000), 400),
    "integer of 5,000 digits where it is passed on": (chat_with(b'"x":' + b"9" * 5000), 400),
    "2^63 tokens": (chat_with(b'"max_tokens":9223372036854775808'), 422),
    "2^64 where it is passed on": (chat_with(b'"x":18446744073709551616'), 200),
    "negative tokens": (chat_body(max_tokens=-1), 422),
    "no tokens": (chat_body(max_tokens=0), 422),
    "a billion tokens": (chat_body(max_tokens=10**9), 422),
    "a thousand answers": (chat_body(n=1000), 422),
    "invalid UTF-8": (chat_body().replace(b"Hello", b"\xff\xfe"), 400),
    "overlong UTF-8": (chat_body().replace(b"Hello", b"\xc0\x80"), 400),
    "byte order mark": (b"\xef\xbb\xbf" + chat_body(), 400),
    "UTF-16": (chat_body().decode().encode("utf-16"), 400),
    "no body": (b"", 400),
    "null": (b"null", 400),
    "a list": (b"[]", 400),
    "two documents": (chat_body() + chat_body(), 400),
    "repeated keys": (chat_with(b'"model":"ok"'), 200),
    "no messages": (chat_body(messages=[]), 422),
    "300,000 messages": (
        b'{"model":"ok","messages":[' + b",".join([b'{"role":"user","content":"x"}'] * 300_000) + b"]}",
        422,
    ),
    "3,000,000 empty parts": (
        b'{"model":"ok","messages":[{"role":"user","content":[' + b",".join([b"{}"] * 3_000_000) + b"]}]}",
        422,
    ),
    "more parts in all than in any one message": (
        chat_body(messages=[{"role": "user", "content": [{"type": "text", "text": ""}] * 9_000}] * 2),
        422,
    ),
    "500,000 unknown fields": (chat_with(b",".join(b'"x%d":0' % number for number in range(500_000))), 422),
    "unknown strategy of odd characters": (chat_body(model="auto:\0\u202e"), 422),
    "cost limit of a million digits": (chat_body(metadata={"x-optimizer-max-cost-usd": "1" * 1_000_000}), 422),
    "cost limit with an exponent beyond reach": (chat_body(metadata={"x-optimizer-max-cost-usd": "1E-999999"}), 422),
}
COMPLETE_BODIES: dict[str, tuple[bytes, int]] = {
    "nested 5,000 deep": (b'{"prompt":"x","x":' + DEEP + b"}", 400),
    "nested 200 deep": (b'{"prompt":' + b"[" * 200 + b"]" * 200 + b"}", 422),
    "NUL in the prompt": (b'{"prompt":"a\\u0000b"}', 200),
    "NUL in the session": (b'{"prompt":"x","session_id":"a\\u0000b"}', 422),
    "NUL in the strategy": (b'{"prompt":"x","strategy":"a\\u0000b"}', 422),
    "lone surrogate": (b'{"prompt":"\\ud800"}', 400),
    "unknown field": (b'{"prompt":"x","surprise":1}', 422),
    "NaN": (b'{"prompt":"x","max_tokens":NaN}', 400),
    "5,000 digits": (b'{"prompt":"x","max_tokens":' + b"9" * 5000 + b"}", 400),
    "2^63 as an id": (b'{"prompt":"x","user_id":"u","experiment_id":9223372036854775808}', 404),
    "negative tokens": (b'{"prompt":"x","max_tokens":-1}', 422),
    "too many tokens": (b'{"prompt":"x","max_tokens":10001}', 422),
    "empty prompt": (b'{"prompt":""}', 422),
    "prompt of spaces": (b'{"prompt":"  \\n "}', 422),
    "prompt of 10,001 characters": (b'{"prompt":"' + b"a" * 10_001 + b'"}', 422),
    "prompt of 10,000 characters of four bytes": (b'{"prompt":"' + "\U0001f600".encode() * 10_000 + b'"}', 200),
    "experiment without user": (b'{"prompt":"x","experiment_id":1}', 400),
    "no body": (b"", 400),
}
VALUES: list[Any] = [None, True, 1, -1, 1.5, 10**11, "", "x", [], [1], [[]], [None], [{}], {}, {"a": {}}]
CHAT_FIELDS = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "temperature",
]
CHAT_FIELDS += ["top_p", "tools", "functions", "tool_choice", "response_format", "user", "metadata", "stop", "seed"]
COMPLETE_FIELDS = ["prompt", "max_tokens", "auto_route", "strategy", "experiment_id", "user_id", "session_id"]


@pytest.mark.parametrize(("path", "bodies"), [(CHAT, CHAT_BODIES), (COMPLETE, COMPLETE_BODIES)])
def test_extreme_body_is_refused_or_served(client: RawClient, path: str, bodies: dict[str, tuple[bytes, int]]) -> None:
    answers = {name: client.post(path, body) for name, (body, _) in bodies.items()}

    assert {name: answer.status for name, answer in answers.items()} == {
        name: status for name, (_, status) in bodies.items()
    }
    assert {name: answer for name, answer in answers.items() if not answer.is_harmless_for(path)} == {}
    assert client.is_served()


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_field_of_any_type_is_refused_or_served(client: RawClient, value: Any) -> None:
    chats = {field: client.chat(**{field: value}) for field in CHAT_FIELDS}
    completes = {
        field: client.post(COMPLETE, json.dumps({"prompt": "x", field: value}).encode()) for field in COMPLETE_FIELDS
    }

    assert {field: answer for field, answer in chats.items() if not answer.is_harmless_for(CHAT)} == {}
    assert {field: answer for field, answer in completes.items() if not answer.is_harmless_for(COMPLETE)} == {}


def test_part_of_a_message_may_be_of_any_type(client: RawClient) -> None:
    places: dict[str, Any] = {
        "role": lambda value: {"role": value, "content": "x"},
        "content": lambda value: {"role": "user", "content": value},
        "part": lambda value: {"role": "user", "content": [value]},
        "type": lambda value: {"role": "user", "content": [{"type": value, "text": "x"}]},
        "text": lambda value: {"role": "user", "content": [{"type": "text", "text": value}]},
        "image": lambda value: {"role": "user", "content": [{"type": "image_url", "image_url": value}]},
        "calls": lambda value: {"role": "assistant", "content": "x", "tool_calls": value},
        "call": lambda value: {"role": "assistant", "content": "x", "tool_calls": [{"function": value}]},
        "name": lambda value: {"role": "user", "content": "x", "name": value},
    }

    answers = {
        (place, json.dumps(value)): client.chat(messages=[make(value)])
        for place, make in places.items()
        for value in VALUES
    }

    assert {case: answer for case, answer in answers.items() if not answer.is_harmless_for(CHAT)} == {}
    assert client.is_served()
