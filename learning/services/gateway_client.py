"""Asks models through the running gateway, as any client of the team would.

So the ledger has a row for every exchange, and rate limits, budgets, retries and failover are those of all traffic. A
command that dies leaves nothing half done: the gateway settles what it was asked, and a repeated question with the same
Idempotency-Key is answered from what was paid for.
"""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from learning.services import http_exchange
from learning.services.http_exchange import NoAnswer

MAX_ANSWER_BYTES = 32 * 1024 * 1024
TRIES = 4
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
# What may well be answered a moment later: still being worked on, rate limited, no store or no provider.
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})
# What the next question would be answered with as well.
_FATAL = frozenset({401, 402, 403})


@dataclass(frozen=True, slots=True)
class Question:
    """One completion to ask for; ``idempotency_key`` makes asking again free."""

    model: str
    messages: Sequence[Any]
    max_tokens: int
    idempotency_key: str
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer; ``request_ids`` are the ledger's rows of all tries, that of the answer last."""

    text: str
    served_model: str
    request_ids: tuple[str, ...]


class CallFailed(Exception):
    """No answer came.

    ``is_fatal`` says that none will before somebody changes something (the key, the team's budget);
    ``retry_after_seconds`` is None where asking again does not help.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        request_ids: tuple[str, ...] = (),
        is_fatal: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.request_ids = request_ids
        self.is_fatal = is_fatal
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """Where the gateway is and who asks; ``label`` marks the ledger's rows (as their session).

    ``stopping`` ends the waits between tries.
    """

    base_url: str
    api_key: str = field(repr=False)
    label: str
    timeout_seconds: float = 600.0
    stopping: threading.Event = field(default_factory=threading.Event)

    def ask(self, question: Question) -> Reply:
        """Ask, and ask again where that may help, at most four times; raises CallFailed."""
        seen: list[str] = []
        for number in range(TRIES):
            try:
                return self._once(question, seen)
            except CallFailed as error:
                if number == TRIES - 1 or error.retry_after_seconds is None:
                    raise CallFailed(
                        error.code, str(error), request_ids=tuple(seen), is_fatal=error.is_fatal
                    ) from error
                wait = max(_FIRST_WAIT_SECONDS * 2**number, error.retry_after_seconds)
            if self.stopping.wait(min(wait, _LONGEST_WAIT_SECONDS)):
                raise CallFailed("stopped", "The calibration was stopped.", request_ids=tuple(seen))
        raise AssertionError("unreachable: the last try returns or raises")

    def _once(self, question: Question, seen: list[str]) -> Reply:
        body: dict[str, Any] = {
            "model": question.model,
            "messages": question.messages,
            "max_tokens": question.max_tokens,
        }
        if question.temperature is not None:
            body["temperature"] = question.temperature
        try:
            answer = http_exchange.post(
                f"{self.base_url.rstrip('/')}/v1/chat/completions",
                body=orjson.dumps(body),
                headers={
                    "Authorization": f"Bearer {self.api_key}",
                    "Idempotency-Key": question.idempotency_key,
                    "x-optimizer-cache": "no-store",
                    "x-optimizer-session": self.label,
                },
                timeout_seconds=self.timeout_seconds,
                max_answer_bytes=MAX_ANSWER_BYTES,
            )
        except NoAnswer as error:
            message = f"{self.base_url} does not answer: {error}"
            raise CallFailed("no_answer", message, retry_after_seconds=0.0) from error
        request_id = _request_id(answer)
        if request_id is not None and request_id not in seen:
            seen.append(request_id)
        if answer.status != 200:
            raise _refusal(answer)
        if request_id is None:
            message = f"{self.base_url} is not this gateway: its answer names no row of the ledger. Check --base-url."
            raise CallFailed("not_the_gateway", message, is_fatal=True)
        served = f"{answer.headers.get('x-optimizer-provider', '')}/{answer.headers.get('x-optimizer-model', '')}"
        return Reply(_text_of(answer.body), served, tuple(seen))


def _request_id(answer: http_exchange.Answer) -> str | None:
    try:
        return str(uuid.UUID(answer.headers.get("x-request-id", "")))
    except ValueError:
        return None


def _refusal(answer: http_exchange.Answer) -> CallFailed:
    error = _document(answer.body).get("error")
    details = error if isinstance(error, dict) else {}
    code = str(details.get("code") or f"http_{answer.status}")[:64]
    message = str(details.get("message") or f"The gateway answered {answer.status}.")[:300]
    if answer.status in _RETRIED:
        seconds = answer.headers.get("retry-after", "")
        return CallFailed(code, message, retry_after_seconds=float(seconds) if seconds.isdecimal() else 0.0)
    return CallFailed(code, message, is_fatal=answer.status in _FATAL)


def _text_of(body: bytes) -> str:
    choices = _document(body).get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str):
        raise CallFailed("no_text", "The answer holds no text.")
    return content


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
