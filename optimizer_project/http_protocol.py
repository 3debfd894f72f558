"""uvicorn's HTTP protocol with the limits it lacks: how long a request may take to arrive, how large its head may be.

Without them a client that never ends a header fills the memory, and one that never ends its request holds a connection
for ever. Named in the command that starts uvicorn (``--http``), which imports it before Django is set up.
"""

import asyncio

import orjson
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# As routing.gateway.http has it, which cannot be imported yet when this is.
HANG_UP = "optimizer.hang_up"
HEAD_SECONDS = 5.0
# Enough for the loop to read what has arrived.
_READ_FIRST_SECONDS = 0.01
MAX_HEAD_BYTES = 64 * 1024
# A body sent byte by byte in chunks takes six bytes of framing for each byte of its own.
_FRAMING_BYTES_PER_BODY_BYTE = 6
_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. What is refused here is too little of a request for the application to refuse it."""

    url = b""
    _deadline: asyncio.TimerHandle | None = None
    _is_arriving = False
    # Bytes of the request that are not its body's, less what its framing may take.
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # For the first request; between later ones uvicorn's own keep-alive time applies.
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._is_arriving = True
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_arriving:
            self._watch()
        elif self._deadline is not None:
            self._clear_deadline()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, but not over a request that has arrived and was not read yet.

        A process that was kept from running comes back with the timer due and a request waiting, and runs the timer
        first; reading the request takes back the second timer.
        """
        self.timeout_keep_alive_task = self.loop.call_later(_READ_FIRST_SECONDS, super().timeout_keep_alive_handler)

    def on_headers_complete(self) -> None:
        # A list of the application's own: trailers would still change the one by which it has judged the request.
        self.scope["headers"] = self.headers.copy()
        self.scope["extensions"] = {HANG_UP: {"now": self.transport.abort, "has_come": self.transport.is_closing}}
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes -= len(body) * (1 + _FRAMING_BYTES_PER_BODY_BYTE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        # If the next request has begun to arrive with the end of this one, uvicorn's keep-alive time still bounds it.
        self._is_arriving = False
        self._head_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "bad_request", "This is not a valid HTTP request.")

    @property
    def _has_head(self) -> bool:
        """Whether the request that is arriving has been given to the application, as ``self.cycle``."""
        # A head with an address that is none has a method, and goes no further.
        return self.cycle is not None and self.cycle.scope is self.scope

    @property
    def _is_answering_an_earlier_one(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and not self._has_head

    def _watch(self) -> None:
        """Bound a request of which more is to come."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._clear_deadline()
        elif self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(431, "head_too_large", f"The request's headers are larger than {MAX_HEAD_BYTES} bytes.")
        elif self._deadline is None:
            self._set_deadline()

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS + settings.GATEWAY_BODY_SECONDS, self._end_waiting)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_waiting(self) -> None:
        if self.flow.read_paused or self._is_answering_an_earlier_one:
            # It is the answer to an earlier request that takes its time.
            self._set_deadline()
        else:
            self._refuse(408, "request_timeout", "The request did not arrive in time.")

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Hang up, after saying why where that cannot be taken for a part of another answer."""
        is_answered = self.cycle.response_started if self._has_head else self._is_answering_an_earlier_one
        if not is_answered:
            body = orjson.dumps(_error(self.url, code, message))
            headers = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close" % len(body)
            self.transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n\r\n%s" % (status, _REASONS[status], headers, body))
        self.transport.close()


def _error(url: bytes, code: str, message: str) -> dict[str, object]:
    """Word the error as ``api_errors.body_for`` does, which cannot be imported yet when this is."""
    if not url.startswith(b"/v1/"):
        return {"detail": message}
    return {"error": {"message": message, "type": "invalid_request_error", "code": code, "param": None}}
