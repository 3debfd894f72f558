"""A gateway to be sent what no client means well by; one patient enough for slow bodies would make slow tests."""

from collections.abc import Iterator

import pytest

from tests import factories
from tests.flow.client import World
from tests.flow.conftest import session, upstream, world
from tests.hostile.raw import RawClient
from tests.server import GatewayProcess, running_gateway

# Fixtures are found by their names here.
__all__ = ["session", "upstream", "world"]


@pytest.fixture(scope="session")
def gateway(
    django_db_setup: None, django_db_blocker: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    with running_gateway(tmp_path_factory.mktemp("gateway"), environment={"GATEWAY_BODY_SECONDS": "1"}) as running:
        yield running


@pytest.fixture
def client(world: World) -> RawClient:
    """A client of a team with everything switched on that reads or keeps what it sends, beside one routable model."""
    world.model(is_routable=True)
    caller = world.caller(factories.team(cache_ttl_seconds=600, prompt_retention_days=30))
    return RawClient(caller.gateway, caller.secret)
