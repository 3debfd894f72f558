"""A provider without a model: the same prompt always gets the same made-up words, and they say so."""

import hashlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from routing.domain.usage import Usage
from routing.providers import usage_reading
from routing.providers.base import ChatAnswer, ChatCall, ChatStream, ProviderConfig, StreamEnd
from routing.providers.exchange import payload_of
from routing.providers.http_client import HttpClient
from routing.providers.openai_stream import as_event
from routing.providers.simulated_json import smallest_instance

BYTES_PER_TOKEN = 4
CHUNKS = 10

_LABEL = "This is a simulated answer: no language model was asked."
_VOCABULARY = (
    "a able about after all also an and any are as at be because before between both but by can case change clear "
    "close common could different does each early easy every example fact few find first follow for from general give "
    "good great group have help here high how idea if important in into is it just kind know large last later like "
    "little long main make many may more most much need new next no not now number of on one only open or order other "
    "our over part people place point possible problem question rather reason result right same second see set several "
    "should show simple small so some such system take than that the their then there these they thing this those time "
    "to true two under use very way well what when where which while will with without word work would year yet you"
)
_WORDS = tuple(_VOCABULARY.split())


class Simulated:
    """Answers without a network. Tools are never called; JSON is given where JSON was asked for.

    A token is four bytes of UTF-8, rounded up: simple, deterministic, and near what English costs elsewhere.
    """

    async def complete(self, client: HttpClient, config: ProviderConfig, call: ChatCall) -> ChatAnswer:
        answer = _answer(config, call)
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": answer.text, "refusal": None},
                "logprobs": None,
                "finish_reason": answer.finish_reason,
            }
            for index in range(answer.choices)
        ]
        body = {**_head(call, "chat.completion"), "choices": choices, "usage": usage_reading.as_openai(answer.usage)}
        return ChatAnswer(body, answer.usage, answer.finish_reason)

    async def stream(self, client: HttpClient, config: ProviderConfig, call: ChatCall) -> ChatStream:
        return SimulatedStream(_head(call, "chat.completion.chunk"), _answer(config, call))


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    finish_reason: str
    usage: Usage
    choices: int


class SimulatedStream:
    """The same answer as without streaming, in about ten pieces."""

    def __init__(self, head: dict[str, Any], answer: _Answer) -> None:
        self.end: StreamEnd | None = None
        self._head = head
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        text = self._answer.text
        size = max(1, -(-len(text) // CHUNKS))
        yield self._event({"role": "assistant", "content": ""})
        for start in range(0, len(text), size):
            yield self._event({"content": text[start : start + size]})
        self.end = StreamEnd(
            final_chunk=self._chunk({}, self._answer.finish_reason),
            usage=self._answer.usage,
            usage_extra=usage_reading.as_openai(self._answer.usage),
            finish_reason=self._answer.finish_reason,
            text="",
        )

    async def aclose(self) -> None:
        """There is nothing to close."""

    def _event(self, delta: dict[str, Any]) -> bytes:
        return as_event(self._chunk(delta, None))

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
        choices = [
            {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
            for index in range(self._answer.choices)
        ]
        return {**self._head, "choices": choices}


def _answer(config: ProviderConfig, call: ChatCall) -> _Answer:
    prompt = payload_of(config, call.body.get("messages"))
    limit = _limit(call.body)
    full_text = _text(call.body, Random(hashlib.sha256(prompt).digest()))  # noqa: S311 - repeatable on purpose
    cut_text = _until_stop(full_text, call.body.get("stop"))
    text = cut_text.encode()[: limit * BYTES_PER_TOKEN].decode("utf-8", "ignore")
    count = call.body.get("n")
    choices = count if isinstance(count, int) and count > 0 else 1
    usage = Usage(input_tokens=_tokens(prompt), output_tokens=_tokens(text.encode()) * choices)
    return _Answer(text, "stop" if text == cut_text else "length", usage, choices)


def _text(body: Mapping[str, Any], rng: Random) -> str:
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return orjson.dumps(smallest_instance(schema)).decode()
        case {"type": "json_object"}:
            return orjson.dumps({"simulated": True, "note": _LABEL}).decode()
    words = rng.choices(_WORDS, k=rng.randint(40, 80))
    return f"{_LABEL} {' '.join(words).capitalize()}."


def _head(call: ChatCall, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-simulated-{call.attempt_id}",
        "object": kind,
        "created": int(time.time()),
        "model": call.upstream_model,
        "simulated": True,
    }


def _limit(body: Mapping[str, Any]) -> int:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return limit if isinstance(limit, int) and limit > 0 else 1_000_000


def _until_stop(text: str, stop: object) -> str:
    sequences = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    for sequence in sequences:
        if isinstance(sequence, str) and sequence:
            text = text.split(sequence, 1)[0]
    return text


def _tokens(text: bytes) -> int:
    return -(-len(text) // BYTES_PER_TOKEN)
