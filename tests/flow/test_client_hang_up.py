import asyncio

import pytest

from routing.models import LedgerEntry
from tests.flow import ledger_audit
from tests.flow.client import Caller, World, until


async def hang_up_before_the_answer(world: World, caller: Caller, model: str, *, stream: bool) -> None:
    asking = asyncio.create_task(caller.ask(model, stream=stream))
    arriving = asyncio.create_task(world.until_received(1))
    await asyncio.wait([asking, arriving], return_when=asyncio.FIRST_COMPLETED)
    assert not asking.done(), f"answered before the client could hang up: {asking.result()}"
    await arriving
    asking.cancel()
    await asyncio.wait([asking])


async def hang_up_in_the_answer(caller: Caller, model: str) -> None:
    async with caller.post(model, stream=True) as response:
        await response.content.readany()
        response.close()


async def closed_entry() -> LedgerEntry:
    await until(lambda: LedgerEntry.objects.exclude(state="pending").exists())
    return LedgerEntry.objects.get()


@pytest.mark.parametrize("stream", [False, True])
async def test_hang_up_before_the_first_byte_is_billed_at_the_true_cost(world: World, stream: bool) -> None:
    model = world.model("slow_first")
    caller = world.caller(limit_nano_usd=10**9)

    await hang_up_before_the_answer(world, caller, model, stream=stream)

    entry = await closed_entry()
    [exchange] = world.exchanges()
    assert exchange.is_complete
    assert (entry.state, entry.client_disconnected, entry.is_estimated) == ("settled", True, False)
    assert entry.cost_nano_usd == exchange.prompt_tokens * 1000 + exchange.completion_tokens * 2000
    assert ledger_audit.spent_and_reserved(caller.team.id) == (entry.cost_nano_usd, 0)


async def test_hang_up_in_a_stream_is_billed_at_the_true_cost(world: World) -> None:
    model = world.model("slow_chunk")
    caller = world.caller(limit_nano_usd=10**9)

    await hang_up_in_the_answer(caller, model)

    entry = await closed_entry()
    [exchange] = world.exchanges()
    assert exchange.is_complete
    assert (entry.state, entry.client_disconnected, entry.is_estimated) == ("settled", True, False)
    assert entry.cost_nano_usd == exchange.prompt_tokens * 1000 + exchange.completion_tokens * 2000
    assert ledger_audit.spent_and_reserved(caller.team.id) == (entry.cost_nano_usd, 0)


async def test_stream_that_is_not_drained_is_broken_off_and_billed_at_its_reservation(world: World) -> None:
    model = world.model("slow_chunk", provider=world.provider(drain_on_disconnect=False))
    caller = world.caller(limit_nano_usd=10**9)

    await hang_up_in_the_answer(caller, model)

    entry = await closed_entry()
    [exchange] = world.exchanges()
    assert not exchange.is_complete
    assert (entry.state, entry.error_code) == ("partial", "client_disconnected")
    assert (entry.client_disconnected, entry.is_estimated) == (True, True)
    assert entry.cost_nano_usd == entry.attempts[0]["reserved_nano_usd"] > 0
    assert ledger_audit.spent_and_reserved(caller.team.id) == (entry.cost_nano_usd, 0)


async def test_hang_up_on_a_provider_that_has_gone_silent_is_noticed_before_its_deadline(world: World) -> None:
    model = world.model("stall_mid", provider=world.provider(drain_on_disconnect=False))
    caller = world.caller(limit_nano_usd=10**9)

    await hang_up_in_the_answer(caller, model)

    entry = await closed_entry()
    assert (entry.state, entry.client_disconnected) == ("partial", True)
    assert ledger_audit.spent_and_reserved(caller.team.id) == (entry.cost_nano_usd, 0)
