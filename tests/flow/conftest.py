"""The gateway and a fake provider, shared by the flow tests; each test adds teams and models of its own."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from django.db import connections

from accounts.models import ConfigVersion
from accounts.services import config_version
from tests.fake_upstream.faults import Pace
from tests.fake_upstream.running import FakeUpstream
from tests.flow.client import World
from tests.server import GatewayProcess, running_gateway


@pytest.fixture(scope="session")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(pace=Pace(slow_first=0.3, slow_chunk=0.05)) as fake:
        yield fake


@pytest.fixture(scope="session")
def gateway(
    django_db_setup: None, django_db_blocker: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway with one worker that outlives the test; tests that harm it run one of their own."""
    with running_gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as opened:
        yield opened


@pytest_asyncio.fixture
async def own_world(world: World, tmp_path: Path) -> AsyncIterator[World]:
    """A world whose gateway has two workers and may be harmed; every request comes over a connection of its own."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    with running_gateway(tmp_path, workers=2, environment={"GATEWAY_DRAIN_SECONDS": "2"}) as own:
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
            world.gateway, world.session = own, session
            yield world


@pytest_asyncio.fixture
async def world(
    transactional_db: None,
    gateway: GatewayProcess,
    upstream: FakeUpstream,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    # The rows are read and written between requests, where a short wait on the event loop does no harm.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    # A number not used before in this process: the gateway outlives the rows of the test before.
    ConfigVersion.objects.create(id=config_version.ROW_ID, version=time.monotonic_ns())
    yield World(gateway, upstream, session)
    # Coroutines have a connection of their own, which nobody else would close.
    connections.close_all()
