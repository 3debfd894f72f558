"""Canonical bytes of a request, for cache keys and fingerprints.

Two requests have the same bytes exactly when they ask the same: texts are compared in Unicode NFC, without outer
whitespace and with line feeds as line endings; everything else is compared as JSON, whatever the order of its keys.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from routing.domain import canonical_json
from routing.domain.unicode_form import nfc

# What names or accompanies a request without changing its answer. The model is replaced by the route asked for.
_WITHOUT_EFFECT = frozenset({"user", "metadata", "stream_options", "store", "model", "messages", "stream"})


def normalized_request(body: Mapping[str, Any], *, model_or_strategy: str) -> bytes:
    """Return what determines the answer of a chat completion, as canonical bytes.

    Everything in the body counts, fields unknown to us too, except ``user``, ``metadata``, ``stream_options`` and
    ``store``. ``stream`` absent, null and false are the same.

    Args:
        body: A chat-completions body with a list of objects as ``messages``.
        model_or_strategy: What stands for the body's ``model``: a model's full name or a strategy such as "auto".

    Raises:
        canonical_json.TooDeeplyNested: The body is nested too deeply to be a sensible request.
    """
    parameters = {field: value for field, value in body.items() if field not in _WITHOUT_EFFECT}
    stream = bool(body.get("stream"))
    return canonical_json.encode([model_or_strategy, stream, _messages(body["messages"]), parameters])


def prompt_bytes(body: Mapping[str, Any]) -> bytes:
    """Return the messages alone as canonical bytes: the same prompt has the same bytes whatever its parameters."""
    return canonical_json.encode(_messages(body["messages"]))


def _messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**message, "content": _content(message["content"])} if "content" in message else dict(message)
        for message in messages
    ]


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return _text(content)
    if isinstance(content, list):
        return [_part(part) for part in content]
    return content


def _part(part: Any) -> Any:
    if isinstance(part, Mapping) and isinstance(text := part.get("text"), str):
        return {**part, "text": _text(text)}
    return part


def _text(text: str) -> str:
    return nfc(text.replace("\r\n", "\n").replace("\r", "\n")).strip()
