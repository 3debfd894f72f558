"""What callers see while PostgreSQL is away; with SQLite there is no server that could be."""

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from routing.models import LedgerEntry
from tests.flow import ledger_audit
from tests.flow.client import Caller, Reply, World, until
from tests.server import database_port, database_url, running_gateway
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.skipif(
    os.environ.get("TEST_BACKEND", "sqlite") != "postgresql", reason="SQLite has no server that could be away"
)


@dataclass
class Database:
    """The way from the gateway to PostgreSQL, which the test itself does not take."""

    world: World
    proxy: TcpProxy


@pytest.fixture
def database(world: World, tmp_path: Path) -> Iterator[Database]:
    with TcpProxy(database_port()) as proxy:
        environment = {"DATABASE_URL": database_url(port=proxy.port)}
        with running_gateway(tmp_path, environment=environment) as own:
            world.gateway = own
            yield Database(world, proxy)
            proxy.heal()


async def answers_again(caller: Caller, model: str, seconds: float) -> Reply:
    async with asyncio.timeout(seconds):
        while (reply := await caller.ask(model)).status != 200:  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.1)
    return reply


async def timed(caller: Caller, model: str) -> tuple[Reply, float]:
    started = time.monotonic()
    reply = await caller.ask(model)
    return reply, time.monotonic() - started


@pytest.mark.parametrize("fault", ["refuse", "freeze"])
async def test_requests_get_503_in_time_and_are_served_after_it_is_back(database: Database, fault: str) -> None:
    model = database.world.model()
    caller = database.world.caller(limit_nano_usd=10**9)
    await caller.ask(model)

    getattr(database.proxy, fault)()
    outcomes = await asyncio.gather(*(timed(caller, model) for _ in range(20)))
    database.proxy.heal()

    assert {(reply.status, reply.json["error"]["code"]) for reply, _ in outcomes} == {(503, "store_unavailable")}
    assert {"retry-after" in reply.headers for reply, _ in outcomes} == {True}
    assert max(seconds for _, seconds in outcomes) < 3.5
    assert len(database.world.exchanges()) == 1
    await answers_again(caller, model, seconds=5)
    await until(lambda: ledger_audit.pending() == 0)
    # Openings that were committed after their request had given up were undone.
    spent = ledger_audit.cost_nano_usd(caller.team.id)
    assert spent == 2 * (5 * 1000 + 22 * 2000)
    assert ledger_audit.spent_and_reserved(caller.team.id) == (spent, 0)


@pytest.mark.parametrize("fault", ["refuse", "freeze"])
async def test_answer_in_flight_reaches_its_client_and_its_settlement_is_not_lost(
    database: Database, fault: str
) -> None:
    model = database.world.model("slow_chunk")
    caller = database.world.caller(limit_nano_usd=10**9)
    streaming = asyncio.create_task(caller.ask(model, stream=True))
    await database.world.until_received(1)

    getattr(database.proxy, fault)()
    reply = await streaming
    pending_while_away = ledger_audit.pending()
    database.proxy.heal()

    assert (reply.status, reply.is_done, pending_while_away) == (200, True, 1)
    await until(lambda: ledger_audit.pending() == 0, seconds=5)
    entry = LedgerEntry.objects.get()
    assert (entry.state, entry.cost_nano_usd, entry.is_estimated) == ("settled", 5 * 1000 + 22 * 2000, False)
    assert ledger_audit.spent_and_reserved(caller.team.id) == (entry.cost_nano_usd, 0)
