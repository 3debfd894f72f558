import asyncio
from decimal import Decimal

from accounts.services import config_version
from routing.models import LedgerEntry, ModelPrice
from tests.flow.client import World


async def test_price_that_changes_while_a_request_runs_counts_from_the_next_one_on(world: World) -> None:
    model, quick = world.model("slow_ok_1500"), world.model()
    caller = world.caller()
    asking = asyncio.create_task(caller.ask(model))
    await world.until_received(1)

    ModelPrice.objects.update(input_usd_per_mtok=Decimal(10), output_usd_per_mtok=Decimal(20))
    config_version.bump()
    reply = await asking
    # The new price has reached the gateway within this second and a half; see the test of revoked keys.
    later = await caller.ask(quick)

    entry = LedgerEntry.objects.get(request_id=reply.request_id)
    assert entry.cost_nano_usd == 5 * 1000 + 22 * 2000
    assert entry.price_snapshot is not None
    assert Decimal(entry.price_snapshot["output_usd_per_mtok"]) == 2
    assert later.headers["x-optimizer-cost-usd"] == "0.00049"
