"""Sends one prompt to a running server over HTTP, as any client would, and shows the answer with what it cost."""

import argparse
import os
from typing import Any

import orjson
from django.core.management.base import CommandError

from optimizer_project.cli import http_client
from optimizer_project.cli.arguments import add_json, whole_number
from optimizer_project.cli.console import Console

NAME = "chat"
HELP = "send one prompt to the running server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", help="text of the user's message")
    parser.add_argument("--model", default="auto", help="auto, auto:STRATEGY or the name of a model (default: auto)")
    parser.add_argument("--max-tokens", type=whole_number(1, 1_000_000), help="longest answer in tokens")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the server (default: %(default)s)")
    parser.add_argument("--api-key", help="API key (default: the variable OPTIMIZER_API_KEY)")
    parser.add_argument(
        "--timeout-seconds", type=whole_number(1, 3600), default=300, help="longest wait (default: %(default)s)"
    )
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    api_key = options.api_key or os.environ.get("OPTIMIZER_API_KEY")
    if not api_key:
        raise CommandError(
            "No API key: give --api-key or set OPTIMIZER_API_KEY. Create one with: manage.py optimizer key create TEAM "
            "--name NAME"
        )
    body = _post(options, api_key)
    if options.json:
        console.json(body)
        return
    console.line(body["choices"][0]["message"]["content"] or "")
    usage = body.get("usage", {})
    console.line()
    console.line(
        f"{body['model']}: {usage.get('prompt_tokens')} tokens in, {usage.get('completion_tokens')} out, "
        f"{usage.get('cost_usd', 'unknown')} USD"
    )


def _post(options: argparse.Namespace, api_key: str) -> dict[str, Any]:
    request: dict[str, Any] = {"model": options.model, "messages": [{"role": "user", "content": options.prompt}]}
    if options.max_tokens:
        request["max_tokens"] = options.max_tokens
    try:
        answer = http_client.exchange(
            "POST",
            f"{options.url.rstrip('/')}/v1/chat/completions",
            headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
            body=orjson.dumps(request),
            timeout_seconds=options.timeout_seconds,
        )
        body = orjson.loads(answer.body)
    except http_client.NoAnswer as error:
        raise CommandError(
            f"{options.url} does not answer ({error}). Start the server with: manage.py optimizer start"
        ) from error
    except ValueError as error:
        raise CommandError(f"--url {options.url} is not this server: {error}") from error
    if answer.status != 200:
        detail = body.get("error", {}).get("message") if isinstance(body, dict) else None
        raise CommandError(f"The server answered {answer.status}: {detail or answer.body.decode(errors='replace')}")
    if not isinstance(body, dict) or not body.get("choices"):
        raise CommandError(f"{options.url} sent no completion: is it this server?")
    return body
