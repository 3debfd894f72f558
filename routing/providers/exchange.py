"""One HTTP exchange with a provider: deadlines, bounded bodies, no redirects, no compression."""

import asyncio
from typing import Any

import msgspec
import orjson
from yarl import URL

from routing.providers import error_text, errors, origins
from routing.providers.base import ChatCall, ProviderConfig, ProviderError
from routing.providers.decoding import Undecodable, decode
from routing.providers.errors import TooLarge
from routing.providers.event_source import MAX_BODY_BYTES, EventSource
from routing.providers.http_client import HttpClient
from routing.providers.http_errors import InvalidUrl
from routing.providers.http_response import HttpResponse

MAX_ERROR_BODY_BYTES = 64 * 1024
ERROR_BODY_SECONDS = 2.0


class UpstreamRequest(msgspec.Struct, frozen=True):
    """What goes over the wire; ``content_type`` is what the answer's must start with."""

    url: URL
    headers: dict[str, str]
    payload: bytes
    content_type: str


def request_to(
    config: ProviderConfig,
    call: ChatCall,
    *,
    path: str,
    payload: bytes,
    key_header: tuple[str, str],
    is_stream: bool,
) -> UpstreamRequest:
    """Address ``payload`` to ``path`` below the provider's base URL.

    ``key_header`` is the name of the header for the key and what stands before the key in it.

    Raises:
        ProviderError: the base URL is not valid, or the key is bound to another origin.
    """
    try:
        url = origins.endpoint(config.base_url, path)
    except ValueError as exc:
        raise errors.before_answer(config, InvalidUrl(config.base_url)) from exc
    content_type = "text/event-stream" if is_stream else "application/json"
    headers = {
        "Content-Type": "application/json",
        "Accept": content_type,
        "Accept-Encoding": "identity",
        "x-request-id": call.attempt_id,
    }
    if key := origins.key_for(config, url):
        headers[key_header[0]] = key_header[1] + key
    return UpstreamRequest(url, headers, payload, content_type)


def payload_of(config: ProviderConfig, body: Any) -> bytes:
    """Serialize what is to be sent.

    Raises:
        ProviderError: it holds what JSON cannot: lone surrogates, integers past 64 bits, 250 levels of nesting.
    """
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as exc:
        message = f"the request to {config.slug} cannot be written as JSON ({exc}); correct it and send it again"
        raise ProviderError("bad_request", message, retryable=False, fallback=False, sent="no") from exc


async def ask(client: HttpClient, config: ProviderConfig, request: UpstreamRequest) -> Any:
    """Send a request and return its decoded JSON answer.

    Raises:
        ProviderError: no status 200, no JSON, more than 32 MB, or not complete within the total deadline.
    """
    response: HttpResponse | None = None
    due_at = asyncio.get_running_loop().time() + config.deadlines.total
    try:
        response = await _post(client, config, request, due_at)
        return decode(await _read(response, MAX_BODY_BYTES))
    except errors.FAILURES as exc:
        raise _mapped(config, exc, answering=response is not None) from exc
    finally:
        if response is not None:
            response.close()


async def open_events(client: HttpClient, config: ProviderConfig, request: UpstreamRequest) -> EventSource:
    """Send a request and return its events as they come.

    Raises:
        ProviderError: no status 200, no event stream, or no head within the first-token deadline.
    """
    started_at = asyncio.get_running_loop().time()
    due_at = started_at + min(config.deadlines.first_token, config.deadlines.total)
    try:
        response = await _post(client, config, request, due_at)
    except errors.FAILURES as exc:
        raise errors.before_answer(config, exc) from exc
    return EventSource(response, config, started_at)


async def _post(client: HttpClient, config: ProviderConfig, request: UpstreamRequest, due_at: float) -> HttpResponse:
    response = await client.request(
        "POST",
        request.url,
        headers=request.headers,
        body=request.payload,
        connect_seconds=config.deadlines.connect,
        due_at=due_at,
    )
    try:
        if response.status != 200:
            body = await _error_body(response, due_at)
            raise errors.from_response(config, response.status, response.headers, body)
        await _check_head(config, response, request.content_type, due_at)
    except BaseException:
        response.close()
        raise
    return response


async def _check_head(config: ProviderConfig, response: HttpResponse, content_type: str, due_at: float) -> None:
    given = response.headers.get("Content-Type", "")
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        # Compressed bodies are refused unread, so a bomb of any ratio costs nothing; we asked for identity.
        problem = Undecodable(f"compressed with {encoding[:20]!r} though identity was asked for")
    elif not given.lower().startswith(content_type):
        said = error_text.message_of(await _error_body(response, due_at)) if "json" in given else None
        problem = Undecodable(f"{given[:50]!r} where {content_type!r} was expected" + (f": {said}" if said else ""))
    else:
        return
    raise errors.during_answer(config, problem)


async def _read(response: HttpResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := await response.read_any():
        size += len(part)
        if size > limit:
            raise TooLarge(f"sent more than {limit} bytes")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _error_body(response: HttpResponse, due_at: float) -> bytes:
    """Read why a provider refused; the refusal counts even when its reason cannot be read."""
    response.expire_at(min(due_at, asyncio.get_running_loop().time() + ERROR_BODY_SECONDS))
    try:
        return await _read(response, MAX_ERROR_BODY_BYTES)
    except errors.FAILURES:
        return b""


def _mapped(config: ProviderConfig, failure: Exception, *, answering: bool) -> ProviderError:
    if answering:
        return errors.during_answer(config, failure)
    return errors.before_answer(config, failure)
