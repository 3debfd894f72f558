"""A streamed chat completion: passed on as it comes, read only where something must be known."""

import re
from typing import Any

import orjson

from routing.domain.usage import Usage
from routing.providers import error_text, sse, usage_reading
from routing.providers.base import ProviderConfig, StreamEnd
from routing.providers.decoding import Undecodable, decode
from routing.providers.errors import ErrorEvent
from routing.providers.event_source import EventSource
from routing.providers.event_stream import EventStream
from routing.providers.generated_text import GeneratedText

_PLAIN_EVENT = rb"data: \{[^\n]*\}"
_PLAIN = re.compile(_PLAIN_EVENT)
_PLAIN_BLOCK = re.compile(rb"(?:" + _PLAIN_EVENT + rb"\n\n)+")
# A quote inside a JSON string is escaped, so text that talks about these keys does not match.
_REMARKABLE = re.compile(rb'"finish_reason"\s*:\s*"|"usage"\s*:\s*\{|"error"\s*:\s*[^\sn]')


class OpenAIStream(EventStream):
    """Passes blocks on unparsed while they hold plain content.

    An event is plain when it is one line of JSON without finish reason, usage or error; a block of plain events goes
    through as it is, which is what makes a stream cheap. Everything else is parsed: comments and event names are
    dropped, usage is kept aside, and the chunk with the finish reason is held back until the end, or until the next
    such chunk comes where there are several choices.
    """

    def __init__(self, source: EventSource, config: ProviderConfig) -> None:
        super().__init__(source, config)
        self._first_chunk: dict[str, Any] = {}
        self._held_chunk: dict[str, Any] | None = None
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._usage_extra: dict[str, Any] = {}
        self._is_done = False
        self._text = GeneratedText()

    def translate(self, block: bytes) -> bytes:
        if not self.has_begun or not _PLAIN_BLOCK.fullmatch(block) or _REMARKABLE.search(block):
            block = b"".join(self._translate_event(event) for event in sse.split(block) if not self._is_done)
        self._text.add(block)
        if self._is_done:
            self._complete()
        return block

    def conclude(self, leftover: bytes) -> bytes:
        passed_on = b""
        try:
            if leftover.strip():
                passed_on = self._read_event(leftover.strip(b"\n"))
                self._text.add(passed_on)
        except ValueError:
            # Half an event is a cut answer, unless the answer had ended before it.
            if self._finish_reason is None:
                raise
        if self._is_done or self._finish_reason is not None:
            self._complete()
        return passed_on

    def _translate_event(self, event: bytes) -> bytes:
        if self.has_begun and _PLAIN.fullmatch(event) and not _REMARKABLE.search(event):
            return event + b"\n\n"
        return self._read_event(event)

    def _read_event(self, event: bytes) -> bytes:
        name, data = sse.fields(event)
        if data is None:
            return b""
        if data.strip() == b"[DONE]":
            self._is_done = True
            return b""
        chunk = decode(data)
        if name == b"error" or not isinstance(chunk, dict) or chunk.get("error"):
            raise _failure_in(chunk)
        return self._read_chunk(chunk, data)

    def _read_chunk(self, chunk: dict[str, Any], data: bytes) -> bytes:
        had_usage = self._take_usage(chunk)
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
            if had_usage or self.has_begun:
                return b""
            raise Undecodable("no chat completion chunk: it has no list of choices")
        if not self.has_begun:
            self.has_begun = True
            self._first_chunk = chunk
        if had_usage and not choices:
            return b""
        finish_reason = finish_reason_of(choices)
        if finish_reason is not None:
            return self._hold(chunk, finish_reason)
        return as_event(chunk) if had_usage else b"data: " + data.replace(b"\n", b" ") + b"\n\n"

    def _take_usage(self, chunk: dict[str, Any]) -> bool:
        """Keep the usage of a chunk. Some servers count on with every chunk: the last one holds."""
        usage = chunk.get("usage")
        if not isinstance(usage, dict):
            return False
        self._usage = usage_reading.read_openai(usage)
        self._usage_extra = usage
        del chunk["usage"]
        return True

    def _hold(self, chunk: dict[str, Any], finish_reason: str) -> bytes:
        released = b"" if self._held_chunk is None else as_event(self._held_chunk)
        self._held_chunk = chunk
        self._finish_reason = self._finish_reason or finish_reason
        return released

    def _complete(self) -> None:
        if not self.has_begun:
            raise Undecodable("no chat completion: it was over before its first chunk")
        final_chunk = self._held_chunk or {**self._first_chunk, "choices": []}
        if self._usage is None and self._held_chunk is not None:
            self._text.add(as_event(self._held_chunk))
        self.end = StreamEnd(
            final_chunk=final_chunk,
            usage=self._usage,
            usage_extra=self._usage_extra,
            finish_reason=self._finish_reason,
            text=self._text.read() if self._usage is None else "",
        )


def as_event(chunk: dict[str, Any]) -> bytes:
    """Write a chunk as an event.

    Raises:
        Undecodable: it nests deeper than can be written back.
    """
    try:
        return b"data: " + orjson.dumps(chunk) + b"\n\n"
    except orjson.JSONEncodeError as exc:
        raise Undecodable("nested too deeply") from exc


def finish_reason_of(choices: list[dict[str, Any]]) -> str | None:
    """Return the first finish reason there is; some servers send "" for none."""
    reasons = (choice.get("finish_reason") for choice in choices)
    return next((reason for reason in reasons if isinstance(reason, str) and reason), None)


def _failure_in(event: object) -> ValueError:
    message = error_text.message_in(event)
    error = event.get("error") if isinstance(event, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if message is None and error is None:
        return Undecodable("no chat completion chunk")
    status = code if type(code) is int and 400 <= code <= 599 else None
    return ErrorEvent(message or "no reason given", status)
