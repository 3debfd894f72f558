"""What every provider adapter takes, gives and raises."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from routing.domain.usage import Usage
from routing.providers.http_client import HttpClient

Sent = Literal["no", "unknown", "yes"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds allowed for each phase of one attempt."""

    connect: float = 2.0
    first_token: float = 60.0
    between_tokens: float = 30.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """Where a provider is reached and with which key; the key is bound to ``base_url``'s origin."""

    slug: str
    kind: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    deadlines: Deadlines = Deadlines()
    drain_on_disconnect: bool = True


class ChatCall(msgspec.Struct, frozen=True):
    """One attempt: an OpenAI chat-completions body to be served by ``upstream_model``.

    ``body`` is shared between attempts; adapters must not change it.
    """

    attempt_id: str
    upstream_model: str
    body: dict[str, Any]


class ChatAnswer(msgspec.Struct, frozen=True):
    """A whole answer: ``body`` in the OpenAI chat-completion shape. ``usage`` is None when the provider gave none."""

    body: dict[str, Any]
    usage: Usage | None
    finish_reason: str | None


class StreamEnd(msgspec.Struct, frozen=True):
    """How a stream ended well.

    ``final_chunk`` is the last OpenAI chunk (the one with ``finish_reason``), held back so that the caller can add
    to it; ``usage_extra`` is the provider's own usage object in OpenAI's shape, as it came; ``text`` is what was
    generated, for counting tokens when ``usage`` is None, and empty otherwise.
    """

    final_chunk: dict[str, Any]
    usage: Usage | None
    usage_extra: dict[str, Any]
    finish_reason: str | None
    text: str


class ChatStream(Protocol):
    """An answer that is still coming.

    Iterating yields blocks of whole OpenAI server-sent events (``data: {...}\\n\\n``), never the final chunk, the
    usage chunk or ``[DONE]``. A broken stream raises ``ProviderError``. ``end`` is set once iteration has ended well.
    """

    end: StreamEnd | None

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


class Provider(Protocol):
    """Speaks one wire protocol. Holds no state of a request; one HTTP exchange per call; never retries."""

    async def complete(self, client: HttpClient, config: ProviderConfig, call: ChatCall) -> ChatAnswer: ...

    async def stream(self, client: HttpClient, config: ProviderConfig, call: ChatCall) -> ChatStream:
        """Return once the first event is there, so that any earlier failure can still be answered elsewhere."""
        ...


class ProviderError(Exception):
    """An attempt that gave no answer.

    ``code`` is a stable word (``timeout``, ``connect``, ``rate_limited``, ``server_error``, ``bad_request``,
    ``authentication``, ``payment_required``, ``not_found``, ``context_length``, ``malformed``, ``interrupted``,
    ``too_large``, ``redirect``); ``retryable`` says that the same provider may well answer a moment later; ``fallback``
    that another model may; ``sent`` whether the provider has received, and so may bill, the request; ``retry_after`` is
    in seconds. ``message`` holds no credential and at most 500 characters of what the provider said.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool,
        fallback: bool,
        sent: Sent,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message[:500]
        self.retryable = retryable
        self.fallback = fallback
        self.sent: Sent = sent
        self.status = status
        self.retry_after = retry_after
