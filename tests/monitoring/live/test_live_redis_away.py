"""Live updates while Redis is away: each web process looks after its own viewers, and says so."""

from pathlib import Path

from django.utils import timezone
from websockets.asyncio.client import connect

from tests import factories
from tests.monitoring.live.conftest import hear
from tests.server import running_gateway
from tests.services import start_redis
from tests.tcp_proxy import TcpProxy


async def test_viewers_are_told_that_redis_froze_and_go_on_being_served(server, tmp_path: Path) -> None:
    with start_redis() as url, TcpProxy(int(url.rpartition(":")[2].partition("/")[0])) as proxy:
        environment = {"REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0", "LIVE_PERIOD_SECONDS": "1"}
        with running_gateway(tmp_path, environment=environment) as own:
            team = factories.team("alpha")
            _, secret = factories.api_key(team)
            own.wait_until_it_knows(secret)
            headers = {"Authorization": f"Bearer {secret}"}
            async with connect(f"ws://127.0.0.1:{own.port}/metrics/live", additional_headers=headers) as socket:
                await hear(socket, "snapshot")
                shared = await hear(socket, "snapshot")
                proxy.freeze()
                degraded = await hear(socket, "status")
                factories.ledger_entry(team, created_at=timezone.now())
                alone = await hear(socket, "snapshot")
                while not alone["decisions"]:
                    alone = await hear(socket, "snapshot")
                proxy.heal()
                restored = await hear(socket, "status")
                again = await hear(socket, "snapshot")

    assert (degraded["degraded"], restored["degraded"]) == (True, False)
    assert shared["timestamp"] < alone["timestamp"] < again["timestamp"]
