"""A provider's bytes on their way through our HTTP client, without a network."""

import asyncio
from typing import Any

from routing.providers.http_client import HttpClient
from routing.providers.http_connection import HttpConnection
from routing.providers.http_response import HttpResponse

PATIENT_SECONDS = 60.0


class DeafTransport(asyncio.Transport):
    """Takes what is written to it, and remembers whether it may be read from and is open."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = True
        self.may_read = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody reads it."""

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return not self.is_open

    def abort(self) -> None:
        self.is_open = False

    def close(self) -> None:
        self.is_open = False

    def pause_reading(self) -> None:
        self.may_read = False

    def resume_reading(self) -> None:
        self.may_read = True


class OneAnswer(HttpClient):
    """Lets one request be answered by exactly these reads, and then by the end of the connection."""

    def __init__(self, reads: list[bytes]) -> None:
        self._reads = reads
        self._feeding: asyncio.Task[None] | None = None

    async def request(self, *_arguments: Any, **_options: Any) -> HttpResponse:
        response = self.ask()
        try:
            await response.wait_for_head()
        except BaseException:
            response.close()
            raise
        return response

    def ask(self) -> HttpResponse:
        """Begin to answer; the head is still to come."""
        loop = asyncio.get_running_loop()
        connection = HttpConnection(loop, _forget, _forget)
        transport = DeafTransport()
        connection.connection_made(transport)
        response = connection.send(b"", b"", loop.time() + PATIENT_SECONDS)
        self._feeding = asyncio.create_task(self._feed(connection, transport))
        return response

    async def finish(self) -> None:
        """Wait until everything has been fed; what goes wrong in the connection is raised here."""
        if self._feeding is not None:
            await self._feeding

    async def _feed(self, connection: HttpConnection, transport: DeafTransport) -> None:
        for read in self._reads:
            while transport.is_open and not transport.may_read:  # noqa: ASYNC110 - The reader runs in between.
                await asyncio.sleep(0)
            if not transport.is_open:
                break
            connection.data_received(read)
            # The reader takes each piece before the next one comes.
            await asyncio.sleep(0)
        connection.connection_lost(None)


def _forget(_connection: HttpConnection) -> None:
    """Nobody keeps the connection for another request."""
