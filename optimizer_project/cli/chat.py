"""Sends one prompt to a running server over HTTP, as any client would, and shows the answer with what it cost."""

import argparse
from typing import Any

from django.core.management.base import CommandError

from optimizer_project.cli import api_client
from optimizer_project.cli.arguments import add_json, whole_number
from optimizer_project.cli.console import Console

NAME = "chat"
HELP = "send one prompt to the running server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", help="text of the user's message")
    parser.add_argument("--model", default="auto", help="auto, auto:STRATEGY or the name of a model (default: auto)")
    parser.add_argument("--max-tokens", type=whole_number(1, 1_000_000), help="longest answer in tokens")
    api_client.add_arguments(parser, timeout_seconds=300)
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    request: dict[str, Any] = {"model": options.model, "messages": [{"role": "user", "content": options.prompt}]}
    if options.max_tokens:
        request["max_tokens"] = options.max_tokens
    body = api_client.post(options, "/v1/chat/completions", request)
    if not isinstance(body, dict) or not body.get("choices"):
        raise CommandError(f"{options.url} sent no completion: is it this server?")
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
