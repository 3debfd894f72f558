"""Asking a server through the HTTP client, as most of its tests do."""

import asyncio

from yarl import URL

from routing.providers.http_client import HttpClient
from routing.providers.http_response import HttpResponse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENT_SECONDS = 5.0


async def ask(
    client: HttpClient, url: URL, *, body: bytes = b"{}", seconds: float = PATIENT_SECONDS, **headers: str
) -> HttpResponse:
    due_at = asyncio.get_running_loop().time() + seconds
    return await client.request("POST", url, headers=headers, body=body, connect_seconds=seconds, due_at=due_at)


async def whole(response: HttpResponse) -> bytes:
    parts = []
    while part := await response.read_any():
        parts.append(part)
    return b"".join(parts)
