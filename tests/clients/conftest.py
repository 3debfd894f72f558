"""A gateway for the clients that other people wrote, so that nothing of ours hides a difference."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import openai
import pytest

from tests.flow.client import World
from tests.flow.conftest import session, upstream, world
from tests.server import GatewayProcess, running_gateway

# Fixtures are found by their names here.
__all__ = ["session", "upstream", "world"]

Connect = Callable[..., openai.OpenAI]
ORIGIN = "https://app.example.com"


@pytest.fixture(scope="session")
def gateway(
    django_db_setup: None, django_db_blocker: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    with running_gateway(tmp_path_factory.mktemp("gateway"), environment={"CORS_ALLOWED_ORIGINS": ORIGIN}) as running:
        yield running


@pytest.fixture
def connect(world: World) -> Iterator[Connect]:
    """Make official clients as their users do, but for their retries, which would hide what is answered first.

    A key is issued with each, and with it the gateway takes notice of the models made before.
    """
    with ExitStack() as opened:

        def connected(**options: Any) -> openai.OpenAI:
            caller = world.caller(**options)
            client = openai.OpenAI(base_url=f"{caller.gateway.url}/v1", api_key=caller.secret, max_retries=0)
            return opened.enter_context(client)

        yield connected
