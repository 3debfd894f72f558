"""Whether every path of the API's schema is answered as the schema says one would be, without changing anything."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.test import Client
from django.urls import Resolver404, resolve
from drf_spectacular.generators import SchemaGenerator

from routing.gateway import app as gateway_app

_EXAMPLES = {"integer": "1", "string": "example"}
_UUID = str(UUID(int=0))
SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class PathAnswer:
    """What a path answered to somebody without a key; ``problem`` is empty where that is right."""

    path: str
    method: str
    status: int
    problem: str


def ask_all() -> Iterator[PathAnswer]:
    """Ask each operation of the schema once, in this process: by its own method where that only reads, else OPTIONS."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    # The host must be one that this installation answers to.
    host = next((name for name in settings.ALLOWED_HOSTS if not name.startswith((".", "*", "["))), "localhost")
    client = Client(raise_request_exception=False, headers={"host": host})
    # Being refused is what is asked for here, and no news for the log.
    logging.disable(logging.ERROR)
    try:
        for path, methods in sorted(schema["paths"].items()):
            for method, operation in methods.items():
                yield _ask(client, path, method.upper(), operation)
    finally:
        logging.disable(logging.NOTSET)


def _ask(client: Client, path: str, method: str, operation: Mapping[str, Any]) -> PathAnswer:
    if path in gateway_app.PATHS:
        # Served before Django; the schema describes it by hand.
        return PathAnswer(path, method, 200, "" if method == "POST" else f"{method} is not served by the gateway")
    asked = method if method == "GET" else "OPTIONS"
    address = _filled(path, operation)
    status = client.generic(asked, address, secure=True).status_code
    return PathAnswer(path, method, status, _problem(address, status, operation, asked))


def _problem(address: str, status: int, operation: Mapping[str, Any], asked: str) -> str:
    try:
        resolve(address)
    except Resolver404:
        return "there is no such path"
    if status >= SERVER_ERROR and str(status) not in operation["responses"]:
        return f"it answers {status}"
    needs_key = {} not in operation.get("security", [{}]) and not settings.OPTIMIZER_OPEN_API
    if needs_key and asked == "GET" and status not in (401, 403):
        return f"it answers {status} to somebody without a key"
    return ""


def _filled(path: str, operation: Mapping[str, Any]) -> str:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            kind = parameter["schema"]
            example = _UUID if kind.get("format") == "uuid" else _EXAMPLES.get(kind.get("type", "string"), "1")
            path = path.replace(f"{{{parameter['name']}}}", example)
    return path
