import asyncio
import random

from routing.models import LedgerEntry
from tests.fake_upstream.faults import FAULTS
from tests.flow import ledger_audit
from tests.flow.client import IMPATIENT, INPUT_NANO_USD, OUTPUT_NANO_USD, Caller, Reply, World

AT_ONCE = 40
ORDINARY_REQUESTS = 60
TEAMS = 4
# Only a deadline ends these.
SILENT = {"timeout", "stall_mid", "drip_mid"}


async def ask_all(callers: list[Caller], wishes: list[tuple[str, bool]]) -> list[Reply]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int, model: str, is_stream: bool) -> Reply:
        async with gate:
            return await callers[number % len(callers)].ask(model, stream=is_stream, prompt=f"Question {number}?")

    return await asyncio.gather(*(ask(number, *wish) for number, wish in enumerate(wishes)))


def two_providers(world: World, first: str) -> str:
    """Return the name of a model that a faulty provider offers and, behind it, a sound one."""
    name = f"shared-{first}"
    world.model(first, name=name, canonical_name=name, provider=world.provider(priority=1, **IMPATIENT))
    world.model("ok", name=name, canonical_name=name, provider=world.provider(priority=2))
    return name


async def test_mixed_load_with_every_fault_is_billed_to_the_nano_dollar(world: World) -> None:
    impatient = world.provider(**IMPATIENT)
    faulty = [world.model(fault, provider=impatient) for fault in SILENT]
    faulty += [world.model(fault) for fault in sorted(set(FAULTS) - SILENT)]
    ordinary = [world.model() for _ in range(3)]
    pairs = [two_providers(world, fault) for fault in ("500", "429", "timeout", "malformed_json")]
    callers = [world.caller(limit_nano_usd=10**12) for _ in range(TEAMS)]
    wishes = [(model, is_stream) for model in (*faulty, *pairs) for is_stream in (False, True)]
    wishes += [(ordinary[number % 3], number % 2 == 0) for number in range(ORDINARY_REQUESTS)]
    random.Random(20260304).shuffle(wishes)

    replies = await ask_all(callers, wishes)

    exchanges = world.exchanges()
    entries = {str(entry.request_id): entry for entry in LedgerEntry.objects.all()}
    attempts = {attempt["attempt_id"]: attempt for attempt in ledger_audit.attempts()}
    assert ledger_audit.pending() == 0
    assert entries.keys() == {reply.request_id for reply in replies}
    # Every exchange of the provider's books is one attempt of ours; what we have beyond was never sent.
    assert max(ledger_audit.recorded_ids().values()) == max(ledger_audit.tallied_ids(exchanges).values()) == 1
    assert ledger_audit.tallied_ids(exchanges).keys() <= attempts.keys()
    unsent = attempts.keys() - ledger_audit.tallied_ids(exchanges).keys()
    assert {attempts[attempt_id]["code"] for attempt_id in unsent} <= {"breaker_open"}

    for reply in replies:
        entry = entries[reply.request_id]
        is_whole = reply.status == 200 and (not entry.is_stream or reply.is_done)
        assert (entry.state == "settled") == is_whole
        assert entry.http_status == reply.status
        assert entry.cost_nano_usd == sum(attempt["cost_nano_usd"] for attempt in entry.attempts)
        assert entry.reserved_nano_usd == 0

    exact = [exchange for exchange in exchanges if not attempts[exchange.attempt_id]["is_estimated"]]
    believed = [exchange for exchange in exact if exchange.usage != "garbage" and exchange.is_billed]
    assert len(believed) >= ORDINARY_REQUESTS
    for exchange in believed:
        attempt = attempts[exchange.attempt_id]
        assert attempt["state"] == "succeeded"
        assert attempt["cost_nano_usd"] == (
            exchange.prompt_tokens * INPUT_NANO_USD + exchange.completion_tokens * OUTPUT_NANO_USD
        )
    refused = [exchange for exchange in exact if not exchange.is_billed]
    assert {attempts[exchange.attempt_id]["cost_nano_usd"] for exchange in refused} == {0}
    # What the provider counted nonsense for is priced at the repaired counts, and flagged.
    for exchange in exact:
        flags = entries[exchange.attempt_id.rpartition("-")[0]].flags
        assert (exchange.usage == "garbage") == ("usage_clamped" in flags)

    for attempt in (attempt for attempt in attempts.values() if attempt["is_estimated"]):
        counted = attempt["input_tokens"] * INPUT_NANO_USD + attempt["output_tokens"] * OUTPUT_NANO_USD
        assert attempt["cost_nano_usd"] == counted
        assert attempt["state"] == "succeeded" or counted == attempt["reserved_nano_usd"]

    for caller in callers:
        spent = ledger_audit.cost_nano_usd(caller.team.id)
        assert spent > 0
        assert ledger_audit.spent_and_reserved(caller.team.id) == (spent, 0)
