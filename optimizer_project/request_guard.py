"""Refuses what Django would misread or take in before any of its middleware can object.

Django decodes parameters with whatever codec a client names as its charset (an unknown kind ends in a 500), takes a
body without a length for an empty one, and writes a body of any size to disk before a view runs.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from django.conf import settings

from optimizer_project.api_errors import ApiError, body_for
from optimizer_project.renderers import dump_json

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MAX_HEADERS = 200


def guard(application: Application) -> Application:
    """Wrap an ASGI application that answers HTTP requests."""

    async def guarded(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        refused = refusal(scope)
        if refused is None:
            await application(scope, receive, send)
            return
        body = dump_json(body_for(scope["path"], refused))
        # The body that was refused may still be coming: it is not read, so the connection cannot be used again.
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send(
            {"type": "http.response.start", "status": refused.status, "headers": [*headers, (b"connection", b"close")]}
        )
        await send({"type": "http.response.body", "body": body})

    return guarded


def refusal(scope: Mapping[str, Any]) -> ApiError | None:
    """Return why a request is not passed on, by its headers alone; None when it is."""
    if len(scope["headers"]) > MAX_HEADERS:
        return ApiError(431, "too_many_headers", f"The request has more than {MAX_HEADERS} headers.")
    headers = {name.lower(): value.decode("latin-1").strip() for name, value in scope["headers"]}
    if not _is_utf8(headers.get(b"content-type", "")):
        return ApiError(415, "unsupported_charset", "Only the charset UTF-8 is supported.")
    if headers.get(b"content-encoding", "identity").lower() != "identity":
        return ApiError(415, "unsupported_encoding", "Compressed request bodies are not supported: send it plain.")
    length = headers.get(b"content-length", "")
    if not length and b"transfer-encoding" in headers:
        return ApiError(411, "length_required", "Send the request body with a Content-Length.")
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if length and (not length.isdecimal() or len(length) > 15 or int(length) > limit):
        return ApiError(413, "too_large", f"The request body is larger than {limit} bytes.")
    return None


def _is_utf8(content_type: str) -> bool:
    """Say whether every charset parameter names UTF-8, as far as one is given."""
    parameters = [part.partition("=") for part in content_type.split(";")[1:]]
    charsets = [value.strip(" \t\"'").lower() for name, _, value in parameters if "charset" in name.lower()]
    return all(charset in ("utf-8", "utf8") for charset in charsets)
