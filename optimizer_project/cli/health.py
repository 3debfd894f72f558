"""Asks a running server how it is, as a load balancer or a monitor would; no API key is needed.

Fails unless it can answer requests: its readiness and its overall health decide. With --all it also fails where
learning or the scheduled work is unhealthy. With --wait it asks again until all is well, or that time is over.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.core.management.base import CommandError

from optimizer_project.cli import http_client
from optimizer_project.cli.arguments import add_json, whole_number
from optimizer_project.cli.console import Console

NAME = "health"
HELP = "ask the running server how it is"
# What a request needs; the rest works behind the requests.
_NEEDED = ("readiness", "health")
_PATHS = {
    "readiness": "/health/readiness",
    "health": "/health",
    "learning": "/health/learning",
    "jobs": "/health/jobs",
}
_PAUSE_SECONDS = 0.5
_OWN_ADDRESSES = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Answer:
    """What one of the endpoints says: ``is_good`` is its status code, ``document`` its JSON."""

    is_good: bool
    document: Mapping[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the server (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="fail also where learning or scheduled work is unhealthy")
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=whole_number(0, 3600),
        default=0,
        help="ask again for so long until it is well (default: ask once)",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=whole_number(1, 60),
        default=10,
        help="longest wait for one answer (default: %(default)s)",
    )
    add_json(parser)


def run(options: argparse.Namespace, console: Console) -> None:
    deadline = time.monotonic() + options.wait
    wanted = tuple(_PATHS) if options.all else _NEEDED
    while True:
        answers, problem = _ask_all(options, wanted)
        if not problem or time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE_SECONDS)
    if options.json:
        console.json({name: answer.document for name, answer in answers.items()})
    elif answers:
        console.table(("component", "status", "since or note"), _rows(answers))
    if problem:
        raise CommandError(problem)


def _ask_all(options: argparse.Namespace, wanted: tuple[str, ...]) -> tuple[dict[str, Answer], str]:
    """Return what each endpoint says, and what is wrong with those that are wanted; empty where nothing is."""
    try:
        answers = {name: _ask(options, path) for name, path in _PATHS.items()}
    except http_client.NoAnswer as error:
        return {}, f"{options.url} does not answer ({error}). Start the server with: manage.py optimizer start"
    bad = [f"{name} is {answers[name].document['status']}" for name in wanted if not answers[name].is_good]
    cure = "What stands in the way is above; on the server's machine ask: manage.py optimizer doctor"
    return answers, f"{options.url} is not well: {', '.join(bad)}. {cure}" if bad else ""


def _ask(options: argparse.Namespace, path: str) -> Answer:
    base = options.url.rstrip("/")
    # In production a loopback address is no host name that the server answers to.
    is_own = urlsplit(base).hostname in _OWN_ADDRESSES
    headers = {"Host": http_client.accepted_host()} if is_own else {}
    try:
        answer = http_client.exchange("GET", f"{base}{path}", headers=headers, timeout_seconds=options.timeout)
        document = orjson.loads(answer.body)
    except ValueError as error:
        raise CommandError(f"--url {options.url} is not this server: {error}") from error
    if answer.status not in (200, 503) or not isinstance(document, dict) or "status" not in document:
        raise CommandError(f"--url {options.url} is not this server: {path} answered with status {answer.status}.")
    return Answer(answer.status == 200, document)


def _rows(answers: Mapping[str, Answer]) -> list[tuple[str, object, object]]:
    health, readiness = answers["health"].document, answers["readiness"].document
    learning, jobs = answers["learning"].document, answers["jobs"].document
    figures = learning.get("metrics") or {}
    return [
        ("requests", readiness["status"], f"gateway {readiness.get('gateway')}"),
        ("overall", health["status"], f"version {health.get('version')}"),
        ("database", health.get("database"), None),
        ("redis", health.get("redis"), None),
        *((f"provider {name}", state, None) for name, state in health.get("providers", {}).items()),
        ("learning", learning["status"], _since("last update", figures.get("last_learning_update"))),
        *((f"  {name}", state, None) for name, state in learning.get("components", {}).items()),
        ("jobs", jobs["status"], _since("last sweep", jobs.get("last_sweep_at"))),
        *((f"  {name}", "failing", None) for name in jobs.get("failing", ())),
        *((f"  {name}", jobs[name], None) for name in ("waiting", "dead_letters") if jobs.get(name)),
    ]


def _since(what: str, moment: str | None) -> str:
    return f"{what} {moment[:19].replace('T', ' ')} UTC" if moment else f"no {what} yet"
