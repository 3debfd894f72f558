"""Reading streams in tests, and feeding an adapter's stream without a network."""

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson

from routing.providers.base import ChatStream, Deadlines, ProviderConfig
from routing.providers.event_source import EventSource

CONFIG = ProviderConfig("fake", "openai_compatible", "http://127.0.0.1/v1", None, Deadlines())


class FakeResponse:
    """What an event source needs of a response, whose body arrives in exactly these reads."""

    def __init__(self, reads: Iterable[bytes]) -> None:
        self.is_closed = False
        self._reads = [read for read in reads if read]

    @property
    def is_complete(self) -> bool:
        return not self._reads

    async def read_any(self) -> bytes:
        return self._reads.pop(0) if self._reads else b""

    def expire_at(self, due_at: float) -> None:
        """Every read is there at once."""

    def close(self) -> None:
        self.is_closed = True


def source_of(*reads: bytes) -> EventSource:
    now = asyncio.get_running_loop().time()
    return EventSource(FakeResponse(reads), CONFIG, now)  # type: ignore[arg-type]


async def passed_on(stream: ChatStream) -> bytes:
    return b"".join([block async for block in stream])


def chunks_in(events: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(event.removeprefix(b"data: ")) for event in events.split(b"\n\n") if event]


def content_of(events: bytes) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks_in(events) for choice in chunk["choices"])
