"""Calls to a running server's own API, for commands that do what any client could do."""

import argparse
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import orjson
from django.core.management.base import CommandError

from optimizer_project.cli import http_client
from optimizer_project.cli.arguments import whole_number


def add_arguments(parser: argparse.ArgumentParser, *, timeout_seconds: int) -> None:
    """Add the address, the key and the longest wait, which is ``timeout_seconds`` where none is given."""
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the server (default: %(default)s)")
    parser.add_argument("--api-key", help="API key (default: the variable OPTIMIZER_API_KEY)")
    parser.add_argument(
        "--timeout-seconds",
        type=whole_number(1, 3600),
        default=timeout_seconds,
        help="longest wait (default: %(default)s)",
    )


class Refused(CommandError):
    """The server answered with an error of this ``status``."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"The server answered {status}: {reason}")
        self.status = status


def get(options: argparse.Namespace, path: str, **query: str) -> Any:
    """Return the server's JSON answer of status 200; raises CommandError with the cure."""
    return _call(options, "GET", f"{path}?{urlencode(query)}" if query else path)


def post(options: argparse.Namespace, path: str, body: dict[str, Any], *, idempotency_key: str | None = None) -> Any:
    """Return the server's JSON answer of status 200; raises CommandError with the cure."""
    headers = {"Content-Type": "application/json"}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    return _call(options, "POST", path, orjson.dumps(body), headers)


def _call(
    options: argparse.Namespace,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    api_key = options.api_key or os.environ.get("OPTIMIZER_API_KEY")
    if not api_key:
        raise CommandError(
            "No API key: give --api-key or set OPTIMIZER_API_KEY. Create one with: manage.py optimizer key create TEAM "
            "--name NAME"
        )
    try:
        answer = http_client.exchange(
            method,
            f"{options.url.rstrip('/')}{path}",
            headers={"Authorization": f"Bearer {api_key}", **headers},
            body=body,
            timeout_seconds=options.timeout_seconds,
        )
        found = orjson.loads(answer.body)
    except http_client.NoAnswer as error:
        raise CommandError(
            f"{options.url} does not answer ({error}). Start the server with: manage.py optimizer start"
        ) from error
    except ValueError as error:
        raise CommandError(f"--url {options.url} is not this server: {error}") from error
    if answer.status != 200:
        raise Refused(answer.status, _reason(found, answer.body))
    return found


def _reason(found: Any, body: bytes) -> str:
    """Return what went wrong, from either of the two shapes that errors have."""
    match found:
        case {"error": {"message": str(message)}}:
            return message
        case {"detail": str(message)}:
            return message
        case {"detail": [*issues]}:
            return " ".join(f"{'.'.join(map(str, issue['loc'][1:]))}: {issue['msg']}" for issue in issues)
    return body.decode(errors="replace")
