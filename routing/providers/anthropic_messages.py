"""OpenAI chat messages as the system blocks and turns of Anthropic's Messages API."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from routing.providers.decoding import Undecodable, decode
from routing.providers.unmappable import Unmappable

Block = dict[str, Any]

_DATA_URL = re.compile(r"data:(image/[a-z+.-]+);base64,(.*)", re.DOTALL)


def conversation(messages: Any) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return (system blocks, turns). System and developer messages move to the front, as the API has one place for
    them; tool results become part of a user turn, and neighbors of the same role become one turn.

    Raises:
        Unmappable: a message that cannot be said over there, such as audio.
    """
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        raise Unmappable("messages", "they must be a list of objects")
    system: list[Block] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        role, blocks = _translated(message)
        if role == "system":
            system += blocks
        elif turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise Unmappable("messages", "there must be at least one message with content besides the system's")
    return system, turns


def _translated(message: Mapping[str, Any]) -> tuple[str, list[Block]]:
    role, content = message.get("role"), message.get("content")
    if role in ("system", "developer"):
        return "system", list(_blocks(content))
    if role == "user":
        return "user", list(_blocks(content))
    if role == "assistant":
        if message.get("function_call"):
            raise Unmappable("messages", "function_call is superseded by tool_calls")
        return "assistant", [*_blocks(content), *map(_tool_use, message.get("tool_calls") or ())]
    if role == "tool":
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": list(_blocks(content))}
        return "user", [result]
    raise Unmappable("messages", f"a message of role {str(role)[:20]!r}")


def _blocks(content: Any) -> Iterator[Block]:
    """Yield content blocks; empty text is left out because the API refuses it."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for part in content or ():
        block = _block(part)
        if block.get("text") == "":
            continue
        if part.get("cache_control"):
            block["cache_control"] = part["cache_control"]
        yield block


def _block(part: Mapping[str, Any]) -> Block:
    match part:
        case {"type": "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return {"type": "image", "source": _image_source(url)}
        case _:
            raise Unmappable("messages", f"a content part of type {str(part.get('type'))[:40]!r}")


def _image_source(url: str) -> dict[str, str]:
    if match := _DATA_URL.fullmatch(url):
        return {"type": "base64", "media_type": match[1], "data": match[2]}
    if url.startswith("https://"):
        return {"type": "url", "url": url}
    raise Unmappable("messages", "images must be https URLs or base64 data URLs")


def _tool_use(call: Mapping[str, Any]) -> Block:
    function = call["function"]
    try:
        arguments = decode((function.get("arguments") or "{}").encode("utf-8", "replace"))
    except Undecodable as exc:
        raise Unmappable("messages", "the arguments of a tool call are not JSON") from exc
    if not isinstance(arguments, dict):
        raise Unmappable("messages", "the arguments of a tool call are not a JSON object")
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}
