import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.flow.client import World
from tests.flow.test_two_workers import wait_for_room_in_this_minute
from tests.server import running_gateway
from tests.services import start_redis
from tests.tcp_proxy import TcpProxy


@pytest.fixture
def redis(world: World, tmp_path: Path) -> Iterator[TcpProxy]:
    """The way from a gateway with two workers to a Redis of its own."""
    with start_redis() as url, TcpProxy(int(url.rpartition(":")[2].partition("/")[0])) as proxy:
        environment = {"REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}
        with running_gateway(tmp_path, workers=2, environment=environment) as own:
            world.gateway = own
            yield proxy


@pytest.mark.parametrize("harm", [TcpProxy.refuse, TcpProxy.freeze])
async def test_rate_limits_go_on_exactly_without_redis(
    world: World, redis: TcpProxy, harm: Callable[[TcpProxy], None]
) -> None:
    model = world.model()
    counted, other = world.caller(requests_per_minute=1), world.caller(requests_per_minute=10)
    wait_for_room_in_this_minute()
    with_redis = [await counted.ask(model) for _ in range(2)]

    harm(redis)
    started = time.monotonic()
    replies = await other.ask_at_once(50, model)

    assert [reply.status for reply in with_redis] == [200, 429]
    assert Counter(reply.status for reply in replies) == {200: 10, 429: 40}
    # A quarter of a second until Redis is given up; the rest is the requests' own.
    assert time.monotonic() - started < 3
