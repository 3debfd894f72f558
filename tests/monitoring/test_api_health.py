import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from routing.models import Provider
from routing.services import breakers, snapshot
from routing.services.runtime import Runtime
from tests import factories
from tests.services import free_port


@pytest.fixture(autouse=True)
def forget_process_state() -> Iterator[None]:
    snapshot.reset()
    breakers.reset()
    yield
    snapshot.reset()
    breakers.reset()


@pytest.fixture
def listening_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def simulated(transactional_db) -> Provider:
    return factories.provider("simulated", kind=Provider.Kind.SIMULATED, base_url="")


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/live"])
def test_liveness_asks_nobody(client, path):
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/health/readiness", "/health/ready"])
def test_a_process_with_a_migrated_database_is_ready(client, path):
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "gateway": "not_running", "database": "ok"}


@pytest.mark.django_db(transaction=True)
def test_a_database_that_lacks_a_migration_is_not_ready(client):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'away' WHERE app = 'routing'")
    try:
        ready, health = client.get("/health/ready"), client.get("/health")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET app = 'routing' WHERE app = 'away'")

    assert (ready.status_code, ready.json()["database"]) == (503, "not_migrated")
    assert (health.status_code, health.json()["database"]) == (503, "not_migrated")
    assert int(ready.headers["Retry-After"]) > 0


@pytest.mark.django_db(transaction=True)
def test_a_gateway_is_ready_until_it_drains(client):
    async def statuses() -> list[tuple[int, str]]:
        runtime = await Runtime.start()
        found = [await asyncio.to_thread(status)]
        runtime.is_accepting = False
        found.append(await asyncio.to_thread(status))
        await runtime.close()
        return [*found, await asyncio.to_thread(status)]

    def status() -> tuple[int, str]:
        answer = client.get("/health/ready")
        return answer.status_code, answer.json()["gateway"]

    assert asyncio.run(statuses()) == [(200, "accepting"), (503, "draining"), (200, "not_running")]


def test_health_names_version_database_and_providers(client, simulated, listening_port):
    factories.provider("reachable", base_url=f"http://127.0.0.1:{listening_port}/v1")
    factories.provider("keyless", needs_key=True)

    answer = client.get("/health")

    found = answer.json()
    assert answer.status_code == 200
    assert (found["status"], found["version"], found["database"]) == ("healthy", settings.VERSION, "ok")
    assert found["providers"] == {"reachable": "ok", "simulated": "ok"}


def test_health_is_degraded_while_one_of_the_providers_cannot_be_reached(client, simulated):
    factories.provider("away", base_url=f"http://127.0.0.1:{free_port()}/v1")

    answer = client.get("/health")

    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["providers"] == {"away": "unreachable", "simulated": "ok"}


def test_health_is_degraded_while_the_breakers_of_a_provider_are_open(client, simulated, listening_port):
    provider = factories.provider("broken", base_url=f"http://127.0.0.1:{listening_port}/v1")
    factories.price(factories.language_model(provider, "gpt-small"))
    breaker = breakers.of(snapshot.current().models[0])
    for _ in range(5):
        breaker.record_failure(now=1e9)

    assert client.get("/health").json()["providers"] == {"broken": "failing", "simulated": "ok"}


@pytest.mark.django_db(transaction=True)
def test_health_is_unhealthy_without_any_provider_that_could_be_asked(client):
    factories.provider("away", base_url=f"http://127.0.0.1:{free_port()}/v1")

    answer = client.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert int(answer.headers["Retry-After"]) > 0


def test_health_tells_whether_redis_answers(client, simulated, settings, redis_server):
    settings.REDIS_URL = redis_server
    assert client.get("/health").json()["redis"] == "ok"

    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"], answer.json()["redis"]) == (200, "degraded", "unavailable")

    settings.REDIS_URL = ""
    assert client.get("/health").json()["redis"] == "not_configured"


def test_a_frozen_redis_holds_nobody_up(client, simulated, settings):
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        settings.REDIS_URL = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        started = time.monotonic()
        answer = client.get("/health")

    assert answer.json()["redis"] == "unavailable"
    assert time.monotonic() - started < 2


def test_health_reveals_no_addresses(client, simulated, settings):
    settings.REDIS_URL = "redis://:canary-password@canary-host.invalid:6379/0"
    factories.provider("away", base_url="http://canary-host.invalid:81/v1")

    answer = client.get("/health")

    assert answer.json()["providers"]["away"] == "unreachable"
    assert b"canary" not in answer.content


FROZEN = """
import sys, time
import django
django.setup()
from django.test import Client
started = time.monotonic()
for path in ("/health/live", "/health/ready", "/health", "/health/ready"):
    answer = Client(headers={"host": "localhost"}).get(path)
    print(path, answer.status_code, answer.json().get("database", "-"))
assert time.monotonic() - started < 6, "the probes took too long"
"""


def test_a_frozen_database_is_noticed_within_the_deadline():
    """The server accepts connections and then says nothing, as a stopped one does."""
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        port = mute.getsockname()[1]
        probe = subprocess.run(
            [sys.executable, "-c", FROZEN],
            cwd=settings.BASE_DIR,
            env={
                "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
                "ENVIRONMENT": "test",
                "SECRET_KEY": "x" * 50,
                "DATA_DIR": "/nonexistent",
                "DATABASE_URL": f"postgresql://someone@127.0.0.1:{port}/canary",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert probe.stdout.splitlines()[-4:] == [
        "/health/live 200 -",
        "/health/ready 503 unavailable",
        "/health 503 unavailable",
        "/health/ready 503 unavailable",
    ], probe.stderr
