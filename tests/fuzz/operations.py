"""Every operation of the schema, asked for whatever its schema allows and a little more, in this process."""

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from accounts.services import features
from optimizer_project import asgi
from routing.gateway import app as gateway_app
from tests.access import routes
from tests.access.world import content_of

HOST = "http://localhost"
Operation = APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]


class ServerFault(AssertionError):
    """An operation answered as if something unexpected had happened here."""


def operations() -> Iterator[Operation]:
    """Yield every operation of the OpenAPI document."""
    for found in schemathesis.openapi.from_dict(routes.schema()).get_all_operations():
        assert isinstance(found, Ok), "the document has an operation that is not valid"
        yield found.ok()


def is_of_the_gateway(operation: Operation) -> bool:
    return operation.path in gateway_app.PATHS


def cases(operation: Operation) -> st.SearchStrategy[AnyCase]:
    """Draw requests: mostly such as the schema allows, else such as it does not."""
    allowed = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    return allowed | allowed | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def ask(client: Client, case: AnyCase) -> Response:
    """Send a case through Django, and take back what it has changed."""
    prepared = _prepared(case)
    with transaction.atomic():
        answer = client.generic(
            str(prepared.method),
            _target(prepared),
            _body(prepared),
            content_type=str(prepared.headers.get("Content-Type", "application/json")),
        )
        content = content_of(answer)
        transaction.set_rollback(True)
    features.forget()
    return _response(prepared, answer.status_code, dict(answer.headers), content)


async def ask_gateway(secret: str, case: AnyCase) -> Response:
    """Send a case through the gateway that runs on this loop."""
    prepared = _prepared(case)
    body = _body(prepared)
    headers = {**_texts(prepared), "Authorization": f"Bearer {secret}", "Content-Length": str(len(body))}
    raw = [
        (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in headers.items()
    ]
    scope = {"type": "http", "method": prepared.method, "path": case.path, "query_string": b"", "headers": raw}
    sent: list[MutableMapping[str, Any]] = []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await asgi.application(scope, receive, send)
    given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return _response(prepared, sent[0]["status"], given, b"".join(part.get("body", b"") for part in sent[1:]))


def check(case: AnyCase, response: Response) -> None:
    """Raise unless the answer is one that the schema knows, and no fault of ours; 503 is not one."""
    if response.status_code >= 500 and response.status_code != 503:
        raise ServerFault(f"{case.method} {case.path} answered {response.status_code}: {response.content[:300]!r}")
    # The schema describes the whole answer; a stream is made of its chunks.
    if b"text/event-stream" not in str(response.headers).encode():
        case.validate_response(response, checks=[response_schema_conformance, content_type_conformance])


def _prepared(case: AnyCase) -> requests.PreparedRequest:
    arguments = case.as_transport_kwargs(base_url=HOST)
    known = ("method", "url", "headers", "params", "data", "json", "cookies", "files")
    return requests.Request(**{name: arguments[name] for name in known if name in arguments}).prepare()


def _body(prepared: requests.PreparedRequest) -> bytes:
    body = prepared.body or b""
    return body.encode() if isinstance(body, str) else bytes(body)  # type: ignore[arg-type]


def _texts(prepared: requests.PreparedRequest) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else value.decode("latin-1") for name, value in prepared.headers.items()
    }


def _target(prepared: requests.PreparedRequest) -> str:
    parts = urlsplit(str(prepared.url))
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _response(prepared: requests.PreparedRequest, status: int, headers: dict[str, str], content: bytes) -> Response:
    listed = {name.lower(): [value] for name, value in headers.items()}
    return Response(status, listed, content, request=prepared, elapsed=0.0, verify=False)
