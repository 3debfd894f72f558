"""The events of one streamed answer, read under deadlines."""

import asyncio
import math
from collections.abc import Awaitable

from routing.providers import errors, sse
from routing.providers.base import ProviderConfig
from routing.providers.errors import TooLarge
from routing.providers.http_response import HttpResponse

MAX_BODY_BYTES = 32 * 1024 * 1024
LAST_BYTES_SECONDS = 0.05


class EventSource:
    """Gives blocks of whole events, each awaited no longer than its deadline."""

    def __init__(self, response: HttpResponse, config: ProviderConfig, started_at: float) -> None:
        deadlines = config.deadlines
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._assembler = sse.EventAssembler()
        self._received = 0
        self._between_tokens = deadlines.between_tokens
        self._first_at = started_at + min(deadlines.first_token, deadlines.total)
        self._ends_at = started_at + deadlines.total

    def first_block(self) -> Awaitable[bytes]:
        """Like ``next_block``, within the first-token deadline of the whole exchange."""
        return self._block(self._first_at)

    def next_block(self) -> Awaitable[bytes]:
        """Return the next whole events, "" at the end of the body.

        Comments do not count: a provider that only sends keep-alives runs into the deadline.

        Raises:
            TimeoutError: nothing within the deadline between tokens, or the total deadline has passed.
            TooLarge: one event over 1 MB or all of them over 32 MB.
            Disconnected, BadResponse: the connection broke.
        """
        return self._block(min(self._loop.time() + self._between_tokens, self._ends_at))

    def leftover(self) -> bytes:
        """Return what stands after the last whole event once the body is over."""
        return self._assembler.leftover()

    async def aclose(self, *, is_complete: bool) -> None:
        """Give the connection back when the body has been read to its end, else close it.

        The last bytes of a body often follow ``[DONE]`` a moment later; waiting that moment keeps the connection.
        """
        try:
            if is_complete and not self._response.is_complete:
                self._response.expire_at(self._loop.time() + LAST_BYTES_SECONDS)
                await self._response.read_any()
        except errors.FAILURES:
            # The answer is complete already; only the connection is lost.
            return
        finally:
            self.close()

    def close(self) -> None:
        self._response.close()

    async def _block(self, due_at: float) -> bytes:
        self._response.expire_at(due_at)
        try:
            while read := await self._response.read_any():
                self._received += len(read)
                if self._received > MAX_BODY_BYTES:
                    raise TooLarge(f"sent more than {MAX_BODY_BYTES} bytes")
                block = self._assembler.feed(read)
                if block and sse.has_data(block):
                    return block
            return b""
        finally:
            # Time that passes until the client asks for more is not the provider's.
            self._response.expire_at(math.inf)
