"""A server whose snapshots come every second, and clients of its WebSocket."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import pytest_asyncio
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from accounts.models import ConfigVersion
from accounts.services import config_version
from monitoring.services import roles
from tests import factories
from tests.server import GatewayProcess, running_gateway

Connect = Callable[..., AbstractAsyncContextManager[ClientConnection]]


@pytest.fixture(scope="session")
def running_server(
    django_db_setup: None, django_db_blocker: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    with running_gateway(tmp_path_factory.mktemp("live"), environment={"LIVE_PERIOD_SECONDS": "1"}) as running:
        yield running


@pytest_asyncio.fixture
async def server(
    transactional_db: None, running_server: GatewayProcess, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayProcess]:
    # The rows are written between messages, where a short wait on the event loop does no harm.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    # A number not used before in this process: the server outlives the rows of the test before.
    ConfigVersion.objects.create(id=config_version.ROW_ID, version=time.monotonic_ns())
    yield running_server
    # Coroutines have a connection of their own, which nobody else would close.
    connections.close_all()


@pytest.fixture
def open_live(server: GatewayProcess) -> Connect:
    """Open a WebSocket by ``key``, ``user`` or nothing; ``origin`` True is the server's own."""

    def open_one(
        *, key: str = "", user: User | None = None, origin: str | bool = False, query: str = ""
    ) -> AbstractAsyncContextManager[ClientConnection]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if user is not None:
            headers["Cookie"] = f"sessionid={session_of(user)}"
        if key:
            server.wait_until_it_knows(key)
        own = Origin(server.url if origin is True else origin) if origin else None
        return connect(
            f"ws://127.0.0.1:{server.port}/metrics/live{query}", additional_headers=headers, origin=own, max_size=None
        )

    return open_one


@pytest.fixture
def staff(transactional_db: None) -> User:
    roles.keep()
    return factories.staff("casey", role="viewer")


def session_of(user: User) -> str:
    """Log a user in and return the key of the session."""
    client = Client()
    client.force_login(user)
    return str(client.cookies["sessionid"].value)


async def hear(socket: ClientConnection, kind: str) -> Any:
    """Return the next message of a type; those of other types are passed over."""
    while True:
        message = json.loads(await socket.recv())
        if message["type"] == kind:
            return message
