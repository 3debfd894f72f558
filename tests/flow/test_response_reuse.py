from datetime import timedelta

import pytest

from routing.models import CachedResponse, LedgerEntry
from routing.services import database_clock, response_cache
from tests import factories
from tests.flow.client import Caller, World

BOTH = pytest.mark.parametrize("stream", [False, True])
COST = 5 * 1000 + 22 * 2000


def caching_caller(world: World) -> Caller:
    return world.caller(factories.team(cache_ttl_seconds=60))


@BOTH
async def test_repeated_question_is_answered_from_the_cache_for_nothing(world: World, stream: bool) -> None:
    model = world.model()
    caller = caching_caller(world)
    first = await caller.ask(model, stream=stream)

    again = await caller.ask(model, stream=stream)

    assert (first.headers["x-optimizer-cache"], again.headers["x-optimizer-cache"]) == ("miss", "hit")
    assert again.headers["x-optimizer-cost-usd"] == "0"
    assert len(world.exchanges()) == 1
    hit = LedgerEntry.objects.get(request_id=again.request_id)
    assert (hit.is_cache_hit, hit.state, hit.cost_nano_usd) == (True, "settled", 0)
    assert (hit.baseline_cost_nano_usd, hit.savings_nano_usd) == (COST, COST)
    assert (hit.attempts, hit.reserved_nano_usd) == ([], 0)
    assert CachedResponse.objects.get().hit_count == 1


async def test_reused_answer_says_the_same(world: World) -> None:
    model = world.model()
    caller = caching_caller(world)
    first = await caller.ask(model)

    again = await caller.ask(model)

    assert again.json["choices"] == first.json["choices"]
    assert again.json["usage"]["cost_usd"] == 0
    assert again.json["usage"]["completion_tokens"] == 22


async def test_reused_stream_comes_as_a_stream_with_its_end(world: World) -> None:
    model = world.model()
    caller = caching_caller(world)
    first = await caller.ask(model, stream=True)

    again = await caller.ask(model, stream=True)

    assert again.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert again.is_done
    assert again.events()[:-1] == first.events()[:-1]
    assert again.events()[-1]["usage"]["cost_usd"] == 0


async def test_whole_answer_is_not_reused_for_a_stream(world: World) -> None:
    model = world.model()
    caller = caching_caller(world)
    await caller.ask(model)

    streamed = await caller.ask(model, stream=True)

    assert streamed.headers["x-optimizer-cache"] == "miss"
    assert len(world.exchanges()) == 2


async def test_teams_never_share_an_answer(world: World) -> None:
    model = world.model()
    ours, theirs = caching_caller(world), caching_caller(world)
    await ours.ask(model)

    reply = await theirs.ask(model)

    assert reply.headers["x-optimizer-cache"] == "miss"
    assert len(world.exchanges()) == 2


async def test_no_store_neither_reads_nor_keeps(world: World) -> None:
    model = world.model()
    caller = caching_caller(world)
    no_store = {"x-optimizer-cache": "no-store"}
    await caller.ask(model, headers=no_store)
    assert CachedResponse.objects.count() == 0
    await caller.ask(model)

    reply = await caller.ask(model, headers=no_store)

    assert reply.headers["x-optimizer-cache"] == "miss"
    assert len(world.exchanges()) == 3


async def test_expired_answer_is_not_reused_and_is_replaced(world: World) -> None:
    model = world.model()
    caller = caching_caller(world)
    await caller.ask(model)
    CachedResponse.objects.update(expires_at=database_clock.now() - timedelta(seconds=1))

    renewed = await caller.ask(model)
    reused = await caller.ask(model)

    assert (renewed.headers["x-optimizer-cache"], reused.headers["x-optimizer-cache"]) == ("miss", "hit")
    assert len(world.exchanges()) == 2


async def test_answer_rated_badly_is_not_given_again(world: World) -> None:
    model = world.model()
    caller = caching_caller(world)
    first = await caller.ask(model)

    dropped = response_cache.drop_for_request(first.request_id)
    again = await caller.ask(model)

    assert dropped == 1
    assert again.headers["x-optimizer-cache"] == "miss"


async def test_answer_is_kept_encrypted_for_as_long_as_the_team_said(world: World) -> None:
    model = world.model()
    await caching_caller(world).ask(model)

    kept = CachedResponse.objects.get()

    assert b"helpful" not in bytes(kept.encrypted_body)
    assert kept.expires_at - kept.created_at == timedelta(seconds=60)


@BOTH
async def test_broken_answer_is_never_reused(world: World, stream: bool) -> None:
    model = world.model("cut_mid")
    caller = caching_caller(world)

    replies = [await caller.ask(model, stream=stream) for _ in range(2)]

    assert [reply.headers.get("x-optimizer-cache", "none") for reply in replies].count("hit") == 0
    assert CachedResponse.objects.count() == 0
