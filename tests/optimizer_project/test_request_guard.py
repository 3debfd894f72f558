import asyncio
import json
from typing import Any, cast

import pytest
from django.core.handlers.asgi import ASGIHandler

from optimizer_project.request_guard import guard, refusal


def scope_of(path: str = "/health/live", **headers: str) -> dict[str, Any]:
    raw = [(b"host", b"localhost")]
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": b"x=1",
        "headers": raw,
    }


async def exchange(scope: dict[str, Any]) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send one request without a body to Django behind the guard."""
    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not waiting:
            # The client stays; Django cancels this wait once it has answered.
            await asyncio.Event().wait()
        return waiting.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await guard(cast(Any, ASGIHandler()))(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/json; charset=bz2_codec"}, 415),
        ({"content_type": "application/json;x=1;CHARSET = rot13"}, 415),
        ({"content_type": "application/json; charset=latin-1; charset=utf-8"}, 415),
        ({"content_type": "application/json; charset*=utf-8''hex"}, 415),
        ({"content_encoding": "gzip"}, 415),
        ({"transfer_encoding": "chunked"}, 411),
        ({"content_length": "104857600"}, 413),
        ({"content_length": "9" * 5000}, 413),
        ({"content_length": "-1"}, 413),
        ({f"x_{number}": "1" for number in range(10_000)}, 431),
    ],
)
async def test_what_django_would_misread_is_refused_in_json(headers, status):
    answered, answer_headers, body = await exchange(scope_of(**headers))

    assert answered == status
    assert answer_headers[b"content-type"] == b"application/json"
    assert isinstance(json.loads(body)["detail"], str)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": 'application/json; charset="UTF-8"'},
        {"content_type": "application/json"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_encoding": "identity"},
        {"content_length": "2097152"},
        {"content_length": "0", "transfer_encoding": "chunked"},
    ],
)
def test_what_django_reads_well_passes(headers):
    assert refusal(scope_of(**headers)) is None


async def test_a_refusal_has_the_shape_of_its_path():
    _, _, body = await exchange(scope_of("/v1/models", content_encoding="br"))

    assert json.loads(body)["error"]["code"] == "unsupported_encoding"


async def test_a_request_that_passes_is_answered_by_django():
    status, headers, body = await exchange({**scope_of(), "method": "GET"})

    assert (status, headers[b"Content-Type"], json.loads(body)) == (200, b"application/json", {"status": "alive"})
