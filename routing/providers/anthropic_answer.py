"""Anthropic's message as an OpenAI chat completion."""

from typing import Any

import orjson

from routing.domain.usage import Usage
from routing.providers import usage_reading
from routing.providers.anthropic_request import JSON_TOOL
from routing.providers.base import ChatAnswer
from routing.providers.decoding import Undecodable

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def chat_answer(message: Any, *, created: int, answers_in_json: bool) -> ChatAnswer:
    """Map a whole message; ``created`` is in seconds since 1970.

    Raises:
        Undecodable: this is no message.
    """
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        raise Undecodable("no message: it has no list of content blocks")
    blocks = [block for block in message["content"] if isinstance(block, dict)]
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    answer = next((call for call in calls if answers_in_json and call.get("name") == JSON_TOOL), None)
    calls = [] if answer else calls
    reason = finish_reason(message.get("stop_reason"), has_tool_calls=bool(calls))
    usage = usage_reading.read_anthropic(message.get("usage"))
    body = {
        "id": str(message.get("id")),
        "object": "chat.completion",
        "created": created,
        "model": str(message.get("model")),
        "choices": [
            {
                "index": 0,
                "message": _message(_json_text(answer.get("input")) if answer else _text(blocks), calls),
                "logprobs": None,
                "finish_reason": reason,
            }
        ],
    }
    if usage is not None:
        body["usage"] = usage_reading.as_openai(usage)
    return ChatAnswer(body, usage, reason)


def finish_reason(stop_reason: object, *, has_tool_calls: bool) -> str | None:
    """Map a stop reason; ``tool_use`` means ``stop`` where the only tool used was the one that takes the answer."""
    if not isinstance(stop_reason, str):
        return None
    if stop_reason == "tool_use" and not has_tool_calls:
        return "stop"
    return _FINISH_REASONS.get(stop_reason, "stop")


def usage_of(usage_objects: list[dict[str, Any]]) -> Usage | None:
    """Read usage that comes in installments: each count holds until a later object changes it."""
    merged: dict[str, Any] = {}
    for usage in usage_objects:
        merged.update({name: count for name, count in usage.items() if count is not None})
    return usage_reading.read_anthropic(merged)


def _text(blocks: list[dict[str, Any]]) -> str:
    return "".join(str(block.get("text") or "") for block in blocks if block.get("type") == "text")


def _message(content: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content or None if calls else content, "refusal": None}
    if calls:
        message["tool_calls"] = [_tool_call(call) for call in calls]
    return message


def _tool_call(call: dict[str, Any]) -> dict[str, Any]:
    function = {"name": str(call.get("name")), "arguments": _json_text(call.get("input"))}
    return {"id": str(call.get("id")), "type": "function", "function": function}


def _json_text(value: object) -> str:
    try:
        return orjson.dumps(value if value is not None else {}).decode()
    except orjson.JSONEncodeError as exc:
        raise Undecodable("nested too deeply") from exc
