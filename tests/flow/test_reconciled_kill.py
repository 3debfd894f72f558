import asyncio
from datetime import timedelta

import aiohttp

from routing.models import GatewayInstance, LedgerEntry
from routing.services import database_clock, reconciler
from tests.flow import ledger_audit
from tests.flow.client import INPUT_NANO_USD, OUTPUT_NANO_USD, Caller, Reply, World

REQUESTS = 80


async def ask_whoever_answers(caller: Caller, model: str, stream: bool) -> Reply | None:
    try:
        return await caller.ask(model, stream=stream)
    except aiohttp.ClientError:
        return None


async def test_load_with_a_killed_worker_is_reconciled_to_the_nano_dollar(own_world: World) -> None:
    models = [own_world.model(fault) for fault in ("ok", "slow_ok_1500", "slow_chunk", "503_then_ok")]
    callers = [own_world.caller(limit_nano_usd=10**12) for _ in range(3)]
    asking = [
        asyncio.create_task(ask_whoever_answers(callers[number % 3], models[number % 4], stream=number % 8 < 4))
        for number in range(REQUESTS)
    ]
    await own_world.until_received(REQUESTS // 2)

    victim = await own_world.kill_a_busy_worker()
    replies = await asyncio.gather(*asking)
    GatewayInstance.objects.filter(id=victim.id).update(lease_expires_at=database_clock.now() - timedelta(minutes=1))
    closed = reconciler.close_orphans()

    exchanges = own_world.exchanges()
    attempts = {attempt["attempt_id"]: attempt for attempt in ledger_audit.attempts()}
    entries = {str(entry.request_id): entry for entry in LedgerEntry.objects.all()}
    answered = [reply for reply in replies if reply is not None and reply.status == 200]
    assert closed == LedgerEntry.objects.filter(state="orphaned").count() > 0
    assert len(answered) > 0
    assert ledger_audit.pending() == 0
    assert {entries[reply.request_id].state for reply in answered} == {"settled"}
    assert max(ledger_audit.recorded_ids().values()) == max(ledger_audit.tallied_ids(exchanges).values()) == 1
    assert ledger_audit.tallied_ids(exchanges).keys() <= attempts.keys()
    for exchange in exchanges:
        attempt = attempts[exchange.attempt_id]
        tallied = exchange.prompt_tokens * INPUT_NANO_USD + exchange.completion_tokens * OUTPUT_NANO_USD
        expected = attempt["reserved_nano_usd"] if attempt["is_estimated"] else tallied
        assert attempt["cost_nano_usd"] == expected
    for caller in callers:
        spent = ledger_audit.cost_nano_usd(caller.team.id)
        assert ledger_audit.spent_and_reserved(caller.team.id) == (spent, 0)
