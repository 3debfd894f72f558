"""Anthropic's streamed message as OpenAI chat-completion chunks."""

from typing import Any

from routing.providers import error_text, sse, usage_reading
from routing.providers.anthropic_answer import finish_reason, usage_of
from routing.providers.anthropic_request import JSON_TOOL
from routing.providers.base import ProviderConfig, StreamEnd
from routing.providers.decoding import Undecodable, decode
from routing.providers.errors import ErrorEvent
from routing.providers.event_source import EventSource
from routing.providers.event_stream import EventStream
from routing.providers.openai_stream import as_event

_ERROR_STATUS = {"overloaded_error": 529, "rate_limit_error": 429, "api_error": 500, "invalid_request_error": 400}


class AnthropicStream(EventStream):
    """Translates event by event; ``message_stop`` is the end, thinking and pings are left out."""

    def __init__(self, source: EventSource, config: ProviderConfig, *, created: int, answers_in_json: bool) -> None:
        super().__init__(source, config)
        self._answers_in_json = answers_in_json
        self._template: dict[str, Any] = {"object": "chat.completion.chunk", "created": created}
        self._usages: list[dict[str, Any]] = []
        self._stop_reason: object = None
        self._texts: list[str] = []
        # Content block index -> index of the tool call, None for the tool that takes the JSON answer.
        self._calls: dict[int, int | None] = {}
        self._calls_with_arguments: set[int] = set()

    def translate(self, block: bytes) -> bytes:
        return b"".join(self._translate_event(event) for event in sse.split(block) if self.end is None)

    def conclude(self, leftover: bytes) -> bytes:
        if self.has_begun and isinstance(self._stop_reason, str):
            self._complete()
        return b""

    def _translate_event(self, event: bytes) -> bytes:
        _, data = sse.fields(event)
        if data is None:
            return b""
        payload = decode(data)
        if not isinstance(payload, dict):
            raise Undecodable("no message event")
        match payload.get("type"):
            case "message_start":
                return self._start(payload)
            case "content_block_start":
                return self._start_block(payload)
            case "content_block_delta":
                return self._delta(payload)
            case "content_block_stop":
                return self._stop_block(payload)
            case "message_delta":
                self._note_end(payload)
            case "message_stop":
                self._complete()
            case "error":
                raise _error_in(payload)
        return b""

    def _start(self, payload: dict[str, Any]) -> bytes:
        message = payload.get("message")
        if not isinstance(message, dict):
            raise Undecodable("no message: message_start lacks it")
        self._template |= {"id": str(message.get("id")), "model": str(message.get("model"))}
        self._note_usage(message)
        self.has_begun = True
        return self._chunk({"role": "assistant", "content": ""})

    def _start_block(self, payload: dict[str, Any]) -> bytes:
        block = payload.get("content_block")
        if not isinstance(block, dict):
            raise Undecodable("no content block: content_block_start lacks it")
        if block.get("type") == "tool_use":
            return self._start_call(_index_of(payload), block)
        text = block.get("text")
        return self._content(text) if block.get("type") == "text" and isinstance(text, str) and text else b""

    def _start_call(self, block_index: int, block: dict[str, Any]) -> bytes:
        name = str(block.get("name"))
        if self._answers_in_json and name == JSON_TOOL:
            self._calls[block_index] = None
            return b""
        index = sum(call is not None for call in self._calls.values())
        self._calls[block_index] = index
        self._texts.append(name)
        function = {"name": name, "arguments": ""}
        return self._chunk(
            {"tool_calls": [{"index": index, "id": str(block.get("id")), "type": "function", "function": function}]}
        )

    def _delta(self, payload: dict[str, Any]) -> bytes:
        match payload.get("delta"):
            case {"type": "text_delta", "text": str(text)}:
                return self._content(text)
            case {"type": "input_json_delta", "partial_json": str(part)} if part:
                return self._arguments(_index_of(payload), part)
        return b""

    def _arguments(self, block_index: int, part: str) -> bytes:
        if block_index not in self._calls:
            return b""
        self._calls_with_arguments.add(block_index)
        index = self._calls[block_index]
        if index is None:
            return self._content(part)
        self._texts.append(part)
        return self._chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]})

    def _stop_block(self, payload: dict[str, Any]) -> bytes:
        """A tool without parameters streams no input; OpenAI's clients expect an empty object."""
        block_index = _index_of(payload)
        is_bare_call = block_index in self._calls and block_index not in self._calls_with_arguments
        return self._arguments(block_index, "{}") if is_bare_call else b""

    def _note_end(self, payload: dict[str, Any]) -> None:
        delta = payload.get("delta")
        if isinstance(delta, dict):
            self._stop_reason = delta.get("stop_reason") or self._stop_reason
        self._note_usage(payload)

    def _note_usage(self, holder: dict[str, Any]) -> None:
        usage = holder.get("usage")
        if isinstance(usage, dict):
            self._usages.append(usage)

    def _content(self, text: str) -> bytes:
        self._texts.append(text)
        return self._chunk({"content": text})

    def _chunk(self, delta: dict[str, Any]) -> bytes:
        if not self.has_begun:
            raise Undecodable("no message: it begins without message_start")
        return as_event(self._with_choice(delta, None))

    def _with_choice(self, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._template, "choices": [choice]}

    def _complete(self) -> None:
        if not self.has_begun:
            raise Undecodable("no message: it ended before it began")
        has_tool_calls = any(call is not None for call in self._calls.values())
        reason = finish_reason(self._stop_reason, has_tool_calls=has_tool_calls)
        usage = usage_of(self._usages)
        self.end = StreamEnd(
            final_chunk=self._with_choice({}, reason),
            usage=usage,
            usage_extra=usage_reading.as_openai(usage) if usage else {},
            finish_reason=reason,
            text="" if usage else "".join(self._texts),
        )


def _index_of(payload: dict[str, Any]) -> int:
    index = payload.get("index")
    if not isinstance(index, int):
        raise Undecodable("no content block event: it has no index")
    return index


def _error_in(payload: dict[str, Any]) -> ErrorEvent:
    error = payload.get("error")
    kind = error.get("type") if isinstance(error, dict) else None
    return ErrorEvent(error_text.message_in(payload) or str(kind), _ERROR_STATUS.get(str(kind)))
