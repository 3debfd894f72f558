"""The part of a streamed answer that is the same for every wire protocol."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from routing.providers import errors
from routing.providers.base import ProviderConfig, StreamEnd
from routing.providers.event_source import EventSource


class StreamCut(ConnectionError):
    """The body ended cleanly, but before the answer did."""


class EventStream(ABC):
    """A ``ChatStream`` over server-sent events; subclasses translate blocks of events.

    ``has_begun`` is true once a first good event was read. Until then every failure may be answered elsewhere, from
    then on none.
    """

    def __init__(self, source: EventSource, config: ProviderConfig) -> None:
        self.end: StreamEnd | None = None
        self.has_begun = False
        self._source = source
        self._config = config
        self._ready = b""

    @abstractmethod
    def translate(self, block: bytes) -> bytes:
        """Return the OpenAI events to pass on for a block of whole events; set ``has_begun`` and ``end``."""

    @abstractmethod
    def conclude(self, leftover: bytes) -> bytes:
        """The body is over: return what is still to pass on, and set ``end`` if the answer was complete."""

    async def begin(self) -> None:
        """Read up to the first event.

        Raises:
            ProviderError: there was none, or it was no part of an answer.
        """
        while not self.has_begun:
            await self._advance()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._ready:
            if self.end is not None:
                raise StopAsyncIteration
            await self._advance()
        block, self._ready = self._ready, b""
        return block

    async def aclose(self) -> None:
        await self._source.aclose(is_complete=self.end is not None)

    async def _advance(self) -> None:
        had_begun = self.has_begun
        try:
            block = await (self._source.next_block() if had_begun else self._source.first_block())
            if block:
                self._ready += self.translate(block)
            else:
                self._ready += self.conclude(self._source.leftover())
                if self.end is None:
                    raise StreamCut("the stream ended before its answer did")
        except errors.FAILURES as exc:
            self._source.close()
            raise errors.during_answer(self._config, exc, passed_on=had_begun) from exc
        except BaseException:
            self._source.close()
            raise
