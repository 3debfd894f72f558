"""One connection: writes a request, turns the bytes that come back into an answer."""

import asyncio
import math
import select
from collections.abc import Callable
from typing import cast

import httptools

from routing.providers.http_errors import BadResponse, Disconnected
from routing.providers.http_response import Headers, HttpResponse

MAX_HEAD_BYTES = 64 * 1024
JOINED_BODY_BYTES = 64 * 1024
"""Up to here copying the body behind the head costs less than a second write."""
WRITE_BYTES = 256 * 1024
"""A body is written in pieces of this size, so that encrypting it does not hold up the loop."""

_FRAMED_BY = frozenset({b"content-length", b"transfer-encoding"})


class HttpConnection(asyncio.Protocol):
    """Serves one exchange at a time; ``on_free`` is told when it may serve another, ``on_lost`` when it is gone.

    There is one timer for the connection's whole life. It looks at the deadline only when it fires, and usually finds
    that it has moved on; a timer made and cancelled for each read would cost as much as the reading.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_free: Callable[["HttpConnection"], None],
        on_lost: Callable[["HttpConnection"], None],
    ) -> None:
        self.idle_since = 0.0
        self._loop = loop
        self._on_free = on_free
        self._on_lost = on_lost
        self._parser = _new_parser(self)
        self._transport: asyncio.Transport | None = None
        self._response: HttpResponse | None = None
        self._unsent = memoryview(b"")
        self._is_write_paused = False
        self._headers: dict[bytes, bytes] = {}
        self._bytes_since_body = 0
        self._is_final = False
        self._is_kept = False
        self._ends_with_connection = False
        self._due_at = math.inf
        self._fires_at = math.inf
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_usable(self) -> bool:
        """False from the moment the loop has seen the other side hang up."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def has_unread(self) -> bool:
        """Whether something has come that the loop has not read yet: the other side's end, or what nobody asked for."""
        poll = select.poll()
        poll.register(self._open_transport.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(0))

    def send(self, head: bytes, body: bytes, due_at: float) -> HttpResponse:
        """Write a request, the rest of it as fast as the other side reads.

        Its answer fails with TimeoutError at ``due_at`` of the loop's clock, also while the request is being written.
        """
        assert self._transport is not None
        assert self._response is None
        self._response = response = HttpResponse(self, self._loop)
        self._bytes_since_body = 0
        self._is_final = self._is_kept = self._ends_with_connection = False
        self.expire_at(due_at)
        if len(body) <= JOINED_BODY_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._write_on()
        return response

    def pause(self) -> None:
        if self.is_usable:
            self._open_transport.pause_reading()

    def resume(self) -> None:
        if self.is_usable:
            self._open_transport.resume_reading()

    def abort(self) -> None:
        """Close at once; an exchange under way fails."""
        self._fail(Disconnected("closed by us"))

    def expire_at(self, due_at: float) -> None:
        self._due_at = due_at
        if due_at < self._fires_at:
            self._set_timer()

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Both loops have switched Nagle's algorithm off already.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:
            # Nobody asked for anything, so nobody could tell whose answer this is.
            self._fail(BadResponse("bytes without a request"))
            return
        self._bytes_since_body += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._is_kept = False
            if not response.is_complete:
                self._fail(BadResponse(str(exc.__context__ or exc)[:200]))
                return
        if response.is_complete:
            self._finish()
        elif self._bytes_since_body > MAX_HEAD_BYTES:
            self._fail(BadResponse(f"more than {MAX_HEAD_BYTES} bytes of head"))

    def pause_writing(self) -> None:
        self._is_write_paused = True

    def resume_writing(self) -> None:
        self._is_write_paused = False
        self._write_on()

    def eof_received(self) -> None:
        if self._ends_with_connection and self._response is not None:
            self._is_kept = False
            self._response.on_complete()
            self._finish()
        else:
            # Not left to the transport, which would first write out what nobody reads any more.
            self._fail(Disconnected("no more was sent"))

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.eof_received()
        else:
            self._fail(Disconnected(str(exc) or type(exc).__name__))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._on_lost(self)

    # Called by the parser.

    def on_message_begin(self) -> None:
        if self._is_final:
            # A second answer to one request: the connection cannot be trusted any more.
            self._is_kept = False
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_final:
            # A trailer, which could only contradict the head.
            return
        name = name.lower()
        if name == b"transfer-encoding" and (name in self._headers or value.lower() != b"chunked"):
            # Nothing else was asked for, and where such a body ends would be open to interpretation.
            raise BadResponse("a transfer encoding other than chunked")
        self._headers.setdefault(name, value)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._response is None or self._is_final:
            return
        if status < 100 or status == 101:
            raise BadResponse(f"the status {status}, which answers nothing")
        if status < 200:
            return
        if sum(map(len, self._headers)) + sum(map(len, self._headers.values())) > MAX_HEAD_BYTES:
            raise BadResponse(f"more than {MAX_HEAD_BYTES} bytes of head")
        self._is_final = True
        # Some servers send a body with 204 and 304 all the same.
        self._is_kept = self._parser.should_keep_alive() and not self._unsent and status not in (204, 304)
        self._ends_with_connection = _FRAMED_BY.isdisjoint(self._headers)
        if status >= 300:
            # Refused before it was read: nobody wants the rest.
            self._unsent = memoryview(b"")
        self._response.on_head(status, Headers(self._headers))

    def on_body(self, part: bytes) -> None:
        self._bytes_since_body = 0
        if self._is_final and self._response is not None and not self._response.is_complete:
            self._response.on_body(part)

    def on_message_complete(self) -> None:
        if self._is_final and self._response is not None and not self._response.is_complete:
            self._response.on_complete()

    # Ours.

    def _write_on(self) -> None:
        """Write until the transport asks to wait; it says when to go on."""
        while self._unsent and not self._is_write_paused and self.is_usable:
            part, self._unsent = self._unsent[:WRITE_BYTES], self._unsent[WRITE_BYTES:]
            self._open_transport.write(part)

    @property
    def _open_transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def _finish(self) -> None:
        """The answer is whole: free the connection, or close it when nothing may follow on it."""
        self._response = None
        self._due_at = math.inf
        self._unsent = memoryview(b"")
        # An answer that came before its request was written out leaves the rest of the request on the way.
        if not self._is_kept or not self.is_usable or self._open_transport.get_write_buffer_size():
            self.abort()
            return
        self.resume()
        self._on_free(self)

    def _fail(self, failure: Exception) -> None:
        response, self._response = self._response, None
        self._due_at = math.inf
        self._unsent = memoryview(b"")
        if response is not None:
            response.on_failure(failure)
        if self._transport is not None:
            self._transport.abort()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = self._due_at
        self._timer = self._loop.call_at(self._fires_at, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        self._fires_at = math.inf
        if self._loop.time() >= self._due_at:
            self._fail(TimeoutError("the deadline of this read has passed"))
        elif self._due_at < math.inf:
            self._set_timer()


def _new_parser(connection: HttpConnection) -> httptools.HttpResponseParser:
    parser = httptools.HttpResponseParser(connection)
    # Two liberties that some servers take and that change no meaning.
    parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
    return parser
