"""The text of a stream, recovered only when somebody asks for it."""

from typing import Any

from routing.providers import sse
from routing.providers.decoding import Undecodable, decode

_RAW_BYTES_KEPT = 64 * 1024


class GeneratedText:
    """Collects what a stream generated, for counting its tokens when the provider did not.

    Nearly every stream brings its usage, so events are kept raw and parsed only when asked for, or when they pass
    64 kB: then their text, a small part of them, replaces them and a long stream stays small in memory.
    """

    def __init__(self) -> None:
        self._events: list[bytes] = []
        self._events_size = 0
        self._texts: list[str] = []

    def add(self, block: bytes) -> None:
        """Take a block of whole OpenAI events."""
        self._events.append(block)
        self._events_size += len(block)
        if self._events_size > _RAW_BYTES_KEPT:
            self._condense()

    def read(self) -> str:
        """Return content, refusals, reasoning and tool calls, in the order they came."""
        self._condense()
        return "".join(self._texts)

    def _condense(self) -> None:
        for event in sse.split(b"".join(self._events)):
            self._texts.extend(_texts_of(event))
        self._events.clear()
        self._events_size = 0


def _texts_of(event: bytes) -> list[str]:
    _, data = sse.fields(event)
    try:
        chunk = decode(data or b"")
    except Undecodable:
        return []
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    texts: list[str] = []
    for choice in choices if isinstance(choices, list) else []:
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict):
            texts.extend(_texts_of_delta(delta))
    return texts


def _texts_of_delta(delta: dict[str, Any]) -> list[str]:
    texts = [delta.get(name) for name in ("reasoning_content", "reasoning", "content", "refusal")]
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            texts += [function.get("name"), function.get("arguments")]
    return [text for text in texts if isinstance(text, str)]
