"""The few pieces of HTTP that a plain ASGI application needs: headers in, a bounded body in, an answer out."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, MutableMapping
from contextlib import nullcontext
from typing import Any

from django.conf import settings

from routing.gateway.requests import InvalidRequest

Scope = MutableMapping[str, Any]
Receive = Callable[[], Coroutine[Any, Any, MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_HEADERS = 200
# An extension of ASGI of our own, with which a server gives an application what ends the connection at once (``now``),
# and what says without waiting whether its client has (``has_come``).
HANG_UP = "optimizer.hang_up"
# What Django's middleware gives all other answers: no guessing of types, no copies kept, and HTTPS from now on.
FOR_BROWSERS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
if settings.SECURE_HSTS_SECONDS:
    _HSTS = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"
    FOR_BROWSERS.append((b"strict-transport-security", _HSTS.encode()))


class ClientDisconnected(Exception):
    """The client went away before its request was complete; nobody is left to answer."""


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers by lower-case name, the first of each; raises InvalidRequest (431) when there are too many."""
    raw = scope["headers"]
    if len(raw) > MAX_HEADERS:
        raise InvalidRequest(f"The request has more than {MAX_HEADERS} headers.", status=431, code="too_many_headers")
    headers: dict[str, str] = {}
    for name, value in raw:
        headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return headers


def address_of(scope: Scope) -> str:
    """Return the address that connected; empty where the server knows none, as behind a Unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def hang_up(scope: Scope) -> None:
    """Cut the connection where the server lets an application do so, and throw away what its client has not taken."""
    if cut := scope.get("extensions", {}).get(HANG_UP):
        cut["now"]()


def check_media_type(headers: Mapping[str, str]) -> None:
    """Accept JSON in UTF-8, uncompressed, or a body that does not say what it is; raises InvalidRequest (415)."""
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise InvalidRequest("Compressed request bodies are not accepted.", status=415, code="unsupported_encoding")
    media_type, _, parameters = headers.get("content-type", "application/json").partition(";")
    if media_type.strip().lower() != "application/json":
        raise InvalidRequest(
            "Send the body as Content-Type: application/json.", status=415, code="unsupported_media_type"
        )
    charset = parameters.strip().lower()
    if charset.startswith("charset") and charset.partition("=")[2].strip(' "') not in ("utf-8", "utf8"):
        raise InvalidRequest("The body must be UTF-8.", status=415, code="unsupported_charset")


async def read_body(receive: Receive, headers: Mapping[str, str], *, limit: int, seconds: float) -> bytes:
    """Read a body of at most ``limit`` bytes within ``seconds``.

    Raises:
        InvalidRequest: It is too large (413) or came too slowly (408).
        ClientDisconnected: The client went away.
    """
    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    message = message_at_once(receive)
    is_all_here = message is not None and not message.get("more_body", False)
    try:
        # A body mostly comes with its head, and needs no deadline then.
        async with nullcontext() if is_all_here else asyncio.timeout(seconds):
            while True:
                if message is None:
                    message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnected
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
                message = None
    except TimeoutError:
        raise InvalidRequest("The body did not arrive in time.", status=408, code="body_timeout") from None


def _too_large(limit: int) -> InvalidRequest:
    return InvalidRequest(
        f"The body is larger than {limit} bytes. Send a shorter prompt, or raise GATEWAY_MAX_BODY_BYTES.",
        status=413,
        code="body_too_large",
    )


def has_hung_up(scope: Scope, receive: Receive) -> bool:
    """Say whether the client has gone, without waiting.

    Cheaper than a task that watches, where it is enough to know at the end.
    """
    if told := scope.get("extensions", {}).get(HANG_UP):
        return bool(told["has_come"]())
    message = message_at_once(receive)
    return message is not None and bool(message["type"] == "http.disconnect")


def message_at_once(receive: Receive) -> MutableMapping[str, Any] | None:
    """Ask ``receive`` for a message and let go if there is none yet."""
    asked = receive().__await__()
    try:
        next(asked)
    except StopIteration as answered:
        message: MutableMapping[str, Any] = answered.value
        return message
    asked.close()
    return None


def with_cors(scope: Scope, send: Send, allowed_origins: Collection[str]) -> Send:
    """Let pages of the allowed origins read the answer; preflights are answered by Django's middleware."""
    origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
    is_allowed = origin.decode("latin-1") in allowed_origins

    async def send_with_cors(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            names = [name.lower() for name, _ in message["headers"]]
            message["headers"].append((b"vary", b"origin"))
            if is_allowed:
                exposed = b", ".join(name for name in names if name.startswith(b"x-") or name == b"retry-after")
                message["headers"] += [
                    (b"access-control-allow-origin", origin),
                    (b"access-control-expose-headers", exposed),
                ]
        await send(message)

    return send_with_cors


async def send_whole(send: Send, status: int, headers: Mapping[str, str], body: bytes, content_type: str) -> None:
    """Send an answer in one piece."""
    await start(send, status, headers, content_type, length=len(body))
    await send({"type": "http.response.body", "body": body})


async def start(
    send: Send, status: int, headers: Mapping[str, str], content_type: str, *, length: int | None = None
) -> None:
    """Send status and headers; a stream has no ``length``."""
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    raw.append((b"content-type", content_type.encode("latin-1")))
    raw += FOR_BROWSERS
    if length is None:
        raw.append((b"x-accel-buffering", b"no"))
    else:
        raw.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
