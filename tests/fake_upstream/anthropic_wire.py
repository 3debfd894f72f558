"""Messages as Anthropic writes them."""

import json
from collections.abc import Mapping
from typing import Any

from tests.fake_upstream.replies import Asked, Reply

NAME = "anthropic"
KEY_HEADER = "x-api-key"


def read(body: Mapping[str, Any]) -> Asked:
    texts = [("system", _text(body.get("system")))]
    texts += [(message["role"], _text(message["content"])) for message in body["messages"]]
    choice = body.get("tool_choice") or {}
    return Asked(
        model=body["model"],
        is_stream=bool(body.get("stream")),
        prompt="\n".join(text for _, text in texts if text),
        last_user_text=next((text for role, text in reversed(texts) if role == "user"), ""),
        max_tokens=body["max_tokens"],
        tools=tuple((tool["name"], tool["input_schema"]) for tool in body.get("tools") or []),
        forced_tool=choice.get("name"),
        has_tool_result=any(_is_tool_result(message["content"]) for message in body["messages"]),
        json_schema=None,
        choices=1,
        wants_stream_usage=True,
    )


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(block.get("text", "")) for block in content)
    return str(content or "")


def _is_tool_result(content: object) -> bool:
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)


def answer(reply: Reply) -> dict[str, Any]:
    message = _message(reply) | {"content": [_block(reply)], "stop_reason": _stop_reason(reply)}
    usage = reply.report(_input_usage(reply) | {"output_tokens": reply.counts.completion})
    return message if usage is None else message | {"usage": usage}


def events(reply: Reply, asked: Asked) -> list[bytes]:
    """All events of the stream, the last being the one that ends it."""
    start = _message(reply)
    usage = reply.report(_input_usage(reply) | {"output_tokens": 1})
    ending: dict[str, Any] = {"delta": {"stop_reason": _stop_reason(reply), "stop_sequence": None}}
    output_usage = reply.report({"output_tokens": reply.counts.completion})
    opening, deltas = _block_events(reply)
    return [
        event("message_start", {"message": start if usage is None else start | {"usage": usage}}),
        event("content_block_start", {"index": 0, "content_block": opening}),
        event("ping", {}),
        *(event("content_block_delta", {"index": 0, "delta": delta}) for delta in deltas),
        event("content_block_stop", {"index": 0}),
        event("message_delta", ending if output_usage is None else ending | {"usage": output_usage}),
        event("message_stop", {}),
    ]


def event(kind: str, payload: Mapping[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **payload})}\n\n".encode()


def error(status: int, message: str) -> dict[str, Any]:
    kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def error_event(message: str) -> bytes:
    return event("error", error(529, message))


def wrong_type() -> dict[str, Any]:
    return {"id": "fake", "type": "message_start", "content": "none", "message": "none", "usage": []}


def content_event(reply: Reply, text: str) -> bytes:
    return event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text}})


def _block(reply: Reply) -> dict[str, Any]:
    if reply.tool:
        return {"type": "tool_use", "id": "toolu_1", "name": reply.tool[0], "input": reply.tool[1]}
    return {"type": "text", "text": reply.text}


def _block_events(reply: Reply) -> tuple[dict[str, Any], list[dict[str, str]]]:
    if reply.tool:
        arguments = json.dumps(reply.tool[1])
        half = len(arguments) // 2
        parts = ("", arguments[:half], arguments[half:])
        return _block(reply) | {"input": {}}, [{"type": "input_json_delta", "partial_json": part} for part in parts]
    words = reply.text.split(" ")
    pieces = [words[0], *(f" {word}" for word in words[1:])]
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]


def _message(reply: Reply) -> dict[str, Any]:
    return {
        "id": reply.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop_reason(reply: Reply) -> str:
    if reply.tool:
        return "tool_use"
    return "max_tokens" if reply.is_cut_short else "end_turn"


def _input_usage(reply: Reply) -> dict[str, int]:
    counts = reply.counts
    return {
        "input_tokens": counts.prompt - counts.cached,
        "cache_read_input_tokens": counts.cached,
        "cache_creation_input_tokens": 0,
    }
