"""JSON that is malformed, extreme or of the wrong types is answered 4xx, or served where it harms nobody."""

import json
from typing import Any

import pytest

from tests.hostile.corpus import CHAT_BODIES, COMPLETE_BODIES
from tests.hostile.raw import CHAT, COMPLETE, RawClient

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
