"""Features are switched while a gateway runs and answers; it sees that within a second, asserted here with patience."""

from collections.abc import Awaitable, Callable
from typing import Any

from accounts.services import features
from routing.models import CachedResponse
from routing.services import database_clock
from tests import factories
from tests.flow.client import Caller, Reply, World
from tests.flow.test_experiment_over_http import begin, send

TRIES = 400


def switch(name: str, act: Callable[..., object] = features.disable, **whom: Any) -> None:
    act(name, actor="ada", now=database_clock.now(), **whom)


async def until(ask: Callable[[], Awaitable[Reply]], is_so: Callable[[Reply], bool]) -> int:
    """Ask until an answer is as wanted; every answer before is a good one too. Returns how many were asked for."""
    for number in range(1, TRIES + 1):
        reply = await ask()
        assert reply.status == 200
        if is_so(reply):
            return number
    raise AssertionError("The switch was never seen.")


def strategy(reply: Reply) -> str:
    return reply.headers["x-optimizer-strategy"]


async def test_kill_switch_turns_learned_routing_off_and_on_under_way(world: World) -> None:
    world.model(name="smart", upstream_name="ok", is_routable=True)
    caller = world.caller()

    async def ask() -> Reply:
        return await caller.ask("auto:learning")

    assert strategy(await ask()) == "learning"

    switch("learned_routing")
    await until(ask, lambda reply: strategy(reply) == "complexity")
    switch("learned_routing", features.enable)
    await until(ask, lambda reply: strategy(reply) == "learning")


async def test_switched_off_cache_is_neither_read_nor_written(world: World) -> None:
    model = world.model()
    off, on = (world.caller(factories.team(slug, cache_ttl_seconds=60)) for slug in ("off", "on"))
    await off.ask(model)
    switch("response_cache", team=off.team)

    await until(lambda: off.ask(model), lambda reply: reply.headers["x-optimizer-cache"] == "miss")
    await off.ask(model, prompt="Something else?")

    assert CachedResponse.objects.filter(team=off.team).count() == 1
    assert [await cache_of(on, model) for _ in range(2)] == ["miss", "hit"]


async def test_request_for_an_experiment_is_refused_with_503_while_experiments_are_off(world: World) -> None:
    caller = world.caller(scopes=["admin"])
    provider = world.provider()
    factories.price(factories.language_model(provider, "only", upstream_name="ok", max_output_tokens=100))
    experiment_id = await begin(caller, "hybrid", sample_size=100)
    body = {"prompt": "Hello?", "experiment_id": experiment_id, "user_id": "bob"}
    assert (await send(caller, "POST", "/complete", body))[0] == 200

    switch("experiments")
    for _ in range(TRIES):
        status, answer = await send(caller, "POST", "/complete", body)
        if status != 200:
            break

    assert (status, answer["detail"][:30]) == (503, "Feature disabled: experiments.")


async def cache_of(caller: Caller, model: str) -> str:
    return (await caller.ask(model)).headers["x-optimizer-cache"]
