from routing.models import LedgerEntry
from tests.flow import ledger_audit
from tests.flow.client import World


async def test_model_without_a_price_is_refused_before_it_is_asked(world: World) -> None:
    model = str(world.unpriced_model())
    caller = world.caller()

    reply = await caller.ask(model)

    assert (reply.status, reply.json["error"]["code"]) == (422, "model_unpriced")
    assert (LedgerEntry.objects.count(), world.exchanges()) == (0, [])


async def test_model_that_staff_allow_without_a_price_costs_an_unknown_amount(world: World) -> None:
    model = str(world.unpriced_model(allow_unpriced=True))
    caller = world.caller(limit_nano_usd=10**9)

    reply = await caller.ask(model)

    entry = LedgerEntry.objects.get()
    assert (reply.status, reply.headers["x-optimizer-cost-usd"]) == (200, "unknown")
    assert reply.json["usage"]["cost_usd"] is None
    assert (entry.cost_nano_usd, entry.is_unpriced, entry.price_snapshot) == (None, True, None)
    assert (entry.state, entry.output_tokens) == ("settled", 22)
    assert ledger_audit.spent_and_reserved(caller.team.id) == (0, 0)
