"""A small HTTP/1.1 client for asking providers: see docs/adr/0013 for why it is our own and what it leaves out."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache

from yarl import URL

from routing.providers import http_opening, http_request
from routing.providers.http_addresses import AddressBook
from routing.providers.http_connection import HttpConnection
from routing.providers.http_errors import ConnectFailed
from routing.providers.http_request import Method, Origin
from routing.providers.http_response import HttpResponse

MAX_IDLE_PER_ORIGIN = 200
IDLE_SECONDS = 60.0
UNCHECKED_SECONDS = 1.0
"""A connection that rested longer is looked at before it is used; one used just now is as good as surely open."""


class HttpClient:
    """Keeps connections open between requests, and never sends a request twice.

    A request may cost money once it is written, so whether to send it again is not decided here: when a kept
    connection turns out to be closed the moment it is used, the exchange fails as Disconnected. A connection whose end
    could already be seen is not used. There are no redirects, cookies, proxies (neither from the environment) or
    decompression, and no limit to the connections in use: requests are limited where they come in.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        addresses: AddressBook | None = None,
        max_idle_per_origin: int = MAX_IDLE_PER_ORIGIN,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._tls = tls or system_trust()
        self._addresses = addresses or AddressBook()
        self._max_idle = max_idle_per_origin
        self._idle_seconds = idle_seconds
        self._open: dict[HttpConnection, Origin] = {}
        self._idle: dict[Origin, list[HttpConnection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def open_connections(self) -> int:
        return len(self._open)

    @property
    def idle_connections(self) -> int:
        return sum(map(len, self._idle.values()))

    async def request(
        self,
        method: Method,
        url: URL,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        connect_seconds: float,
        due_at: float,
    ) -> HttpResponse:
        """Send a request and return its answer once the head is there; close the answer when done with it.

        ``due_at``, on the loop's clock, also holds for reading the body until another deadline is set there.

        Raises:
            InvalidUrl, InvalidHeader, ConnectFailed: nothing was sent.
            Disconnected, BadResponse, TimeoutError: nobody knows whether it was received.
        """
        target = http_request.target_of(method, url)
        head = http_request.head_of(target, headers, len(body))
        if self._is_closed:
            raise ConnectFailed("the client is closed")
        connection = self._take(target.origin) or await self._connect(target.origin, connect_seconds, due_at)
        response = connection.send(head, body, due_at)
        try:
            await response.wait_for_head()
        except BaseException:
            response.close()
            raise
        return response

    async def aclose(self) -> None:
        """Close every connection; exchanges under way fail."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._open):
            connection.abort()
        self._addresses.close()
        # The loop tells connections of their end, and closes their sockets, in its next round.
        await asyncio.sleep(0)

    def _take(self, origin: Origin) -> HttpConnection | None:
        """Return the connection used last, which is the least likely to have been given up by the other side."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            rested_seconds = asyncio.get_running_loop().time() - connection.idle_since
            if connection.is_usable and not (rested_seconds > UNCHECKED_SECONDS and connection.has_unread):
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: Origin, connect_seconds: float, due_at: float) -> HttpConnection:
        loop = asyncio.get_running_loop()
        connection = HttpConnection(loop, self._on_free, self._on_lost)
        connect_by = min(loop.time() + connect_seconds, due_at)
        await http_opening.connect(connection, origin, self._tls, self._addresses, connect_by)
        if not connection.is_usable:
            raise ConnectFailed(f"{origin.host}:{origin.port} hung up at once, or sent something unasked")
        if self._is_closed:
            connection.abort()
            raise ConnectFailed("the client was closed meanwhile")
        self._open[connection] = origin
        return connection

    def _on_free(self, connection: HttpConnection) -> None:
        idle = self._idle.setdefault(self._open[connection], [])
        if self._is_closed or len(idle) >= self._max_idle:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds, self._close_idle)

    def _on_lost(self, connection: HttpConnection) -> None:
        origin = self._open.pop(connection, None)
        idle = self._idle.get(origin, []) if origin else []
        if connection in idle:
            idle.remove(connection)

    def _close_idle(self) -> None:
        """Close what nobody has used for long; each list is in the order of last use."""
        self._sweep = None
        loop = asyncio.get_running_loop()
        oldest_kept = loop.time()
        for origin, idle in list(self._idle.items()):
            while idle and idle[0].idle_since + self._idle_seconds <= loop.time():
                idle.pop(0).abort()
            if idle:
                oldest_kept = min(oldest_kept, idle[0].idle_since)
            else:
                del self._idle[origin]
        if self._idle:
            self._sweep = loop.call_at(oldest_kept + self._idle_seconds, self._close_idle)


@cache
def system_trust() -> ssl.SSLContext:
    """Return what verifies certificates and host names against the authorities this system trusts.

    Reading them takes some ten milliseconds, so it is done once.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
