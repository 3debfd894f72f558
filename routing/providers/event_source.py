"""The events of one streamed answer, read under deadlines."""

import asyncio
import math
from collections.abc import Awaitable

import aiohttp

from routing.providers import errors, sse
from routing.providers.base import ProviderConfig
from routing.providers.errors import TooLarge

MAX_BODY_BYTES = 32 * 1024 * 1024
LAST_BYTES_SECONDS = 0.05


class EventSource:
    """Gives blocks of whole events, each awaited no longer than its deadline.

    A stream has hundreds of reads, and a timer made and cancelled for each would cost as much as the reading. So there
    is one timer, which looks at the current deadline only when it fires and usually finds that it has moved on.
    """

    def __init__(self, response: aiohttp.ClientResponse, config: ProviderConfig, started_at: float) -> None:
        deadlines = config.deadlines
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._assembler = sse.EventAssembler()
        self._received = 0
        self._between_tokens = deadlines.between_tokens
        self._first_at = started_at + min(deadlines.first_token, deadlines.total)
        self._ends_at = started_at + deadlines.total
        self._due_at = math.inf
        self._fires_at = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def first_block(self) -> Awaitable[bytes]:
        """Like ``next_block``, within the first-token deadline of the whole exchange."""
        return self._block(self._first_at)

    def next_block(self) -> Awaitable[bytes]:
        """Return the next whole events, "" at the end of the body.

        Comments do not count: a provider that only sends keep-alives runs into the deadline.

        Raises:
            TimeoutError: nothing within the deadline between tokens, or the total deadline has passed.
            TooLarge: one event over 1 MB or all of them over 32 MB.
            aiohttp.ClientError: the connection broke.
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
            if is_complete and not self._response.content.at_eof():
                async with asyncio.timeout(LAST_BYTES_SECONDS):
                    await self._response.content.readany()
        except errors.FAILURES:
            # The answer is complete already; only the connection is lost.
            return
        finally:
            self.close()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._response.close()

    async def _block(self, due_at: float) -> bytes:
        self._due_at = due_at
        if due_at < self._fires_at:
            self._set_timer()
        try:
            while read := await self._response.content.readany():
                self._received += len(read)
                if self._received > MAX_BODY_BYTES:
                    raise TooLarge(f"sent more than {MAX_BODY_BYTES} bytes")
                block = self._assembler.feed(read)
                if block and sse.has_data(block):
                    return block
            return b""
        finally:
            # Time that passes until the client asks for more is not the provider's.
            self._due_at = math.inf

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = self._due_at
        self._timer = self._loop.call_at(self._fires_at, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        self._fires_at = math.inf
        if self._loop.time() >= self._due_at:
            self._response.content.set_exception(TimeoutError("the deadline of this read has passed"))
        elif self._due_at < math.inf:
            self._set_timer()
