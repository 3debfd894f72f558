import asyncio
import time
from collections import Counter

from accounts.services import api_keys
from routing.models import GatewayInstance
from routing.services import database_clock
from tests.flow.client import World

MINUTE = 60
# Enough for the requests of a test to fall into one UTC minute.
MARGIN_SECONDS = 10


def wait_for_room_in_this_minute() -> None:
    into_the_minute = time.time() % MINUTE
    latest = MINUTE - MARGIN_SECONDS
    time.sleep((into_the_minute > latest) * (MINUTE - into_the_minute))


async def test_revoked_key_opens_no_worker_after_a_second(own_world: World) -> None:
    model = own_world.model()
    caller = own_world.caller()
    before = await caller.ask_at_once(20, model)

    api_keys.revoke(caller.key, database_clock.now())
    await asyncio.sleep(1)
    after = await caller.ask_at_once(20, model)

    assert GatewayInstance.objects.count() >= 2
    assert Counter(reply.status for reply in before) == {200: 20}
    assert Counter(reply.status for reply in after) == {401: 20}
    assert len(own_world.exchanges()) == 20


async def test_rate_limit_is_exact_over_two_workers(own_world: World) -> None:
    model = own_world.model()
    caller = own_world.caller(requests_per_minute=10)
    wait_for_room_in_this_minute()

    replies = await caller.ask_at_once(50, model)

    assert Counter(reply.status for reply in replies) == {200: 10, 429: 40}
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.json["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert len(own_world.exchanges()) == 10
