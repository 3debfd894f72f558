"""Starts everything on this machine and keeps it running until Ctrl+C: the web process, the task worker, the scheduler,
and, outside production, a Redis-protocol server and the embedded model. The database is set up first where needed.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import orjson
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections

from optimizer_project.cli import http_client, ports, processes, summary
from optimizer_project.cli.arguments import port, whole_number
from optimizer_project.cli.console import Console
from optimizer_project.cli.setup import NewCredentials
from optimizer_project.cli.supervisor import StartFailed, Supervisor

NAME = "start"
HELP = "set up what is missing and run everything on this machine"
_READY_SECONDS = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port, default=8000, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--workers",
        type=whole_number(1, 256),
        help="web processes (default: 1 on SQLite, the number of cores on PostgreSQL)",
    )
    parser.add_argument(
        "--model-file",
        type=Path,
        default=processes.DEFAULT_MODEL_FILE,
        help="GGUF file of the embedded model (default: the one that make setup fetches)",
    )
    parser.add_argument("--no-setup", action="store_true", help="start without preparing the database first")


def run(options: argparse.Namespace, console: Console) -> None:
    asked = processes.Options(
        host=options.host,
        port=options.port,
        workers=options.workers or processes.default_workers(),
        model_file=options.model_file,
    )
    problem = ports.problem(asked.host, asked.port)
    if problem:
        raise CommandError(
            f"Port {asked.port} on {asked.host} {problem}. Choose another: manage.py optimizer start --port "
            f"{asked.port + 1} (or make run PORT={asked.port + 1})"
        )
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    plan = processes.plan(asked)
    connections.close_all()
    credentials = NewCredentials() if options.no_setup else _set_up(plan)
    supervisor = Supervisor(
        plan.children, console.line, use_color=console.stream.isatty() and "NO_COLOR" not in os.environ
    )

    async def announce() -> None:
        await _wait_until_ready(asked)
        console.line()
        console.frame(summary.lines(asked.host, asked.port, credentials, plan.notes))
        console.line("Try it:")
        console.line(summary.curl(asked.host, asked.port, credentials))
        console.line()

    try:
        asyncio.run(supervisor.run(announce))
    except StartFailed as error:
        raise CommandError(str(error)) from error
    console.line("Stopped.")


def _set_up(plan: processes.Plan) -> NewCredentials:
    """Run `setup` in the environment of the children: it records the address of the embedded model they will use."""
    completed = subprocess.run(  # noqa: S603 - fixed arguments
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "optimizer", "setup", "--json"],
        env=dict(plan.environment),
        stdout=subprocess.PIPE,
        check=False,
    )
    if completed.returncode:
        raise CommandError("The set-up failed: the lines above say why.")
    return NewCredentials(**orjson.loads(completed.stdout))


async def _wait_until_ready(asked: processes.Options) -> None:
    """Return when the web process says that it is ready; raises CommandError when it does not in time."""
    deadline = time.monotonic() + _READY_SECONDS
    last = "no answer yet"
    while time.monotonic() < deadline:
        try:
            answer = await asyncio.to_thread(
                http_client.exchange,
                "GET",
                f"{summary.local_url(asked.host, asked.port)}/health/readiness",
                headers={"Host": http_client.accepted_host()},
                timeout_seconds=5.0,
            )
        except http_client.NoAnswer as error:
            last = str(error)
        else:
            if answer.status == 200:
                return
            last = f"status {answer.status}: {answer.body[:500].decode(errors='replace')}"
        await asyncio.sleep(0.2)
    raise CommandError(f"The web process was not ready within {_READY_SECONDS:.0f} s. Its last answer: {last}")
