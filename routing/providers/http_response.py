"""One answer: its head, and its body as it comes."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Protocol

from routing.providers.http_errors import Disconnected

HIGH_WATER_BYTES = 256 * 1024
PART_BYTES = 64
"""What a part costs besides its bytes, so that a body in chunks of one byte is held to the same mark."""


class Headers(Mapping[str, str]):
    """Looked up in any case; of a name that came more than once, the first counts."""

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        """``values`` has its names in lower case."""
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower().encode()].decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("utf-8", "replace") for name in self._values)

    def __len__(self) -> int:
        return len(self._values)


class Connection(Protocol):
    """What an answer needs of the connection it comes from, for as long as it is not complete."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def abort(self) -> None: ...

    def expire_at(self, due_at: float) -> None: ...


class HttpResponse:
    """Holds at most ``HIGH_WATER_BYTES`` and one read of a body; then the provider has to wait for the reader.

    The connection goes back to its pool by itself with the last byte of the body. Whoever leaves before that must
    ``close``.
    """

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.headers = Headers({})
        self.is_complete = False
        self._connection: Connection | None = connection
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0
        self._is_paused = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def wait_for_head(self) -> None:
        """Raises Disconnected, BadResponse or TimeoutError when none came."""
        while not self.status:
            if self._failure is not None:
                raise self._failure
            await self._wait()

    async def read_any(self) -> bytes:
        """Return what has come of the body since the last read, waiting for it if need be; b"" at its end.

        Raises:
            TimeoutError: the deadline passed while nothing came.
            Disconnected: the body was cut short.
            BadResponse: its framing is broken.
        """
        while not self._parts:
            if self._failure is not None:
                raise self._failure
            if self.is_complete:
                return b""
            await self._wait()
        parts = self._parts
        self._parts, self._size = [], 0
        if self._is_paused:
            self._is_paused = False
            if self._connection is not None:
                self._connection.resume()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def expire_at(self, due_at: float) -> None:
        """Let every wait end at this time of the loop's clock, until another is given; infinity means never."""
        if self._connection is not None:
            self._connection.expire_at(due_at)

    def close(self) -> None:
        """Hang up, unless the answer is complete."""
        if self._connection is not None:
            connection = self._connection
            self.on_failure(Disconnected("closed by us"))
            connection.abort()

    def on_head(self, status: int, headers: Headers) -> None:
        self.status = status
        self.headers = headers
        self._wake()

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part) + PART_BYTES
        if self._size > HIGH_WATER_BYTES and not self._is_paused and self._connection is not None:
            self._is_paused = True
            self._connection.pause()
        self._wake()

    def on_complete(self) -> None:
        self.is_complete = True
        self._connection = None
        self._wake()

    def on_failure(self, failure: Exception) -> None:
        """What has come before is still given to the reader."""
        self._failure = failure
        self._connection = None
        self._wake()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
