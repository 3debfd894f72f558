import asyncio
import os
import signal
from datetime import timedelta

from routing.models import GatewayInstance, IdempotencyClaim, LedgerEntry
from routing.services import database_clock, reconciler
from tests.flow import ledger_audit
from tests.flow.client import Reply, World, until
from tests.server import GatewayProcess

KEY = {"Idempotency-Key": "order-42"}


def let_leases_end() -> None:
    """Bring about what takes as long as a lease: nobody renews those of dead processes."""
    GatewayInstance.objects.update(lease_expires_at=database_clock.now() - timedelta(minutes=1))


async def kill(gateway: GatewayProcess) -> None:
    gateway.signal(signal.SIGKILL)
    await asyncio.to_thread(gateway.wait)


async def test_termination_lets_requests_in_flight_finish(own_world: World) -> None:
    slow, streaming = own_world.model("slow_ok_1000"), own_world.model("slow_chunk")
    caller = own_world.caller(limit_nano_usd=10**9)
    asking = [asyncio.create_task(caller.ask(slow)) for _ in range(10)]
    asking += [asyncio.create_task(caller.ask(streaming, stream=True)) for _ in range(10)]
    await own_world.until_received(20)

    own_world.gateway.process.send_signal(signal.SIGTERM)
    replies: list[Reply] = await asyncio.gather(*asking)

    assert await asyncio.to_thread(own_world.gateway.wait) == 0
    assert [reply.status for reply in replies] == [200] * 20
    assert [reply.is_done for reply in replies[10:]] == [True] * 10
    assert set(LedgerEntry.objects.values_list("state", "is_estimated")) == {("settled", False)}
    assert LedgerEntry.objects.count() == 20
    assert ledger_audit.spent_and_reserved(caller.team.id) == (20 * (5 * 1000 + 22 * 2000), 0)


async def test_termination_closes_what_does_not_end_in_time(own_world: World) -> None:
    silent = own_world.model("timeout")
    caller = own_world.caller(limit_nano_usd=10**9)
    asking = [asyncio.create_task(caller.ask(silent, stream=number % 2 == 0)) for number in range(4)]
    await own_world.until_received(4)

    own_world.gateway.process.send_signal(signal.SIGTERM)
    await asyncio.wait(asking)

    assert await asyncio.to_thread(own_world.gateway.wait) == 0
    entries = list(LedgerEntry.objects.all())
    assert [(entry.state, entry.error_code, entry.is_estimated) for entry in entries] == [
        ("failed", "aborted", True)
    ] * 4
    assert [entry.cost_nano_usd for entry in entries] == [entry.attempts[0]["reserved_nano_usd"] for entry in entries]
    assert ledger_audit.spent_and_reserved(caller.team.id) == (ledger_audit.cost_nano_usd(caller.team.id), 0)


async def test_killed_requests_are_closed_at_their_reservation_once(own_world: World, gateway: GatewayProcess) -> None:
    silent, sound = own_world.model("timeout"), own_world.model()
    caller = own_world.caller(limit_nano_usd=10**9)
    await caller.ask(sound)
    settled_cost = LedgerEntry.objects.get().cost_nano_usd or 0
    asking = [asyncio.create_task(caller.ask(silent)) for _ in range(3)]
    asking += [asyncio.create_task(caller.ask(silent, headers=KEY))]
    await own_world.until_received(5)
    await kill(own_world.gateway)
    await asyncio.wait(asking)
    assert ledger_audit.pending() == 4
    assert reconciler.close_orphans() == 0
    let_leases_end()

    closed = [reconciler.close_orphans(), reconciler.close_orphans()]

    assert closed == [4, 0]
    orphans = LedgerEntry.objects.filter(state="orphaned")
    assert orphans.count() == 4
    assert {(entry.is_estimated, entry.error_code) for entry in orphans} == {(True, "process_ended")}
    reserved = {entry.attempts[0]["reserved_nano_usd"] for entry in orphans}
    assert {entry.cost_nano_usd for entry in orphans} == reserved
    assert ledger_audit.spent_and_reserved(caller.team.id) == (settled_cost + 4 * reserved.pop(), 0)
    # Whether the killed request was answered is not known, so its key does not run it again.
    assert IdempotencyClaim.objects.get().state == "unknown"
    caller.gateway = gateway
    gateway.wait_until_it_knows(caller.secret)
    repeated = await caller.ask(silent, headers=KEY)
    assert (repeated.status, repeated.json["error"]["code"]) == (409, "idempotency_conflict")


async def test_death_of_one_worker_leaves_the_other_serving(own_world: World) -> None:
    silent, sound = own_world.model("timeout"), own_world.model()
    caller = own_world.caller(limit_nano_usd=10**9)
    asking = asyncio.create_task(caller.ask(silent))
    await own_world.until_received(1)
    victim = GatewayInstance.objects.get(id=str(LedgerEntry.objects.get().instance_id))

    os.kill(victim.pid, signal.SIGKILL)
    await asyncio.wait([asking])

    await until(lambda: victim.pid not in own_world.gateway.workers())
    replies = [await caller.ask(sound) for _ in range(5)]
    assert [reply.status for reply in replies] == [200] * 5
    GatewayInstance.objects.filter(id=victim.id).update(lease_expires_at=database_clock.now() - timedelta(minutes=1))
    assert reconciler.close_orphans() == 1
    assert ledger_audit.pending() == 0
    assert ledger_audit.spent_and_reserved(caller.team.id) == (ledger_audit.cost_nano_usd(caller.team.id), 0)
