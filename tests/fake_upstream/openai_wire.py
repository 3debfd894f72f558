"""Chat completions as OpenAI writes them."""

import json
from collections.abc import Mapping
from typing import Any

from tests.fake_upstream.replies import Asked, Reply

NAME = "openai"
KEY_HEADER = "Authorization"
CREATED = 1_700_000_000
DONE = b"data: [DONE]\n\n"


def read(body: Mapping[str, Any]) -> Asked:
    texts = [(message.get("role"), _text(message.get("content"))) for message in body["messages"]]
    functions = [tool["function"] for tool in body.get("tools") or []]
    choice = body.get("tool_choice")
    response_format = body.get("response_format") or {}
    return Asked(
        model=body["model"],
        is_stream=bool(body.get("stream")),
        prompt="\n".join(text for _, text in texts),
        last_user_text=next((text for role, text in reversed(texts) if role == "user"), ""),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        tools=tuple((function["name"], function.get("parameters") or {}) for function in functions),
        forced_tool=choice["function"]["name"] if isinstance(choice, dict) else None,
        has_tool_result=any(role == "tool" for role, _ in texts),
        json_schema=response_format.get("json_schema", {}).get("schema"),
        choices=body.get("n") or 1,
        wants_stream_usage=bool((body.get("stream_options") or {}).get("include_usage")),
    )


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def answer(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool:
        message |= {"content": None, "tool_calls": [_tool_call(reply)]}
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
        for index in range(reply.choices)
    ]
    body = _head(reply, "chat.completion") | {"choices": choices}
    usage = reply.report(_usage(reply))
    return body if usage is None else body | {"usage": usage}


def events(reply: Reply, asked: Asked) -> list[bytes]:
    """All events of the stream, the last being the one that ends it."""
    deltas = _deltas(reply)
    chunks = [_chunk(reply, index, delta, None) for delta in deltas for index in range(reply.choices)]
    chunks += [_chunk(reply, index, {}, _finish_reason(reply)) for index in range(reply.choices)]
    usage = reply.report(_usage(reply)) if asked.wants_stream_usage else None
    if usage is not None:
        chunks.append(_head(reply, "chat.completion.chunk") | {"choices": [], "usage": usage})
    return [event(chunk) for chunk in chunks] + [DONE]


def event(payload: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"


def error(status: int, message: str) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "code": None, "param": None}}


def error_event(message: str) -> bytes:
    return event(error(500, message))


def wrong_type() -> dict[str, Any]:
    return {"id": "fake", "object": "chat.completion", "choices": "none", "usage": []}


def content_event(reply: Reply, text: str) -> bytes:
    return event(_chunk(reply, 0, {"content": text}, None))


def _deltas(reply: Reply) -> list[dict[str, Any]]:
    if reply.tool:
        call = _tool_call(reply)
        arguments = call["function"]["arguments"]
        half = len(arguments) // 2
        opening = call | {"index": 0, "function": call["function"] | {"arguments": ""}}
        parts = [{"index": 0, "function": {"arguments": part}} for part in (arguments[:half], arguments[half:])]
        return [{"role": "assistant", "content": None, "tool_calls": [opening]}] + [{"tool_calls": [p]} for p in parts]
    words = reply.text.split(" ")
    pieces = [words[0], *(f" {word}" for word in words[1:])]
    return [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]


def _tool_call(reply: Reply) -> dict[str, Any]:
    name, arguments = reply.tool or ("", {})
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def _finish_reason(reply: Reply) -> str:
    if reply.tool:
        return "tool_calls"
    return "length" if reply.is_cut_short else "stop"


def _chunk(reply: Reply, index: int, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _head(reply, "chat.completion.chunk") | {"choices": [choice]}


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    return {"id": reply.id, "object": kind, "created": CREATED, "model": reply.model}


def _usage(reply: Reply) -> dict[str, Any]:
    counts = reply.counts
    return {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "total_tokens": counts.prompt + counts.completion,
        "prompt_tokens_details": {"cached_tokens": counts.cached},
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning},
    }
