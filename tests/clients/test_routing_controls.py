"""What a caller asks of us beside the prompt: the strategy, limits on cost and quality, a category of its own."""

from decimal import Decimal
from typing import Any

import pytest

from routing.models import LanguageModel, LedgerEntry
from tests import factories
from tests.flow.client import World

Tier = LanguageModel.Tier


def cheap_and_good(world: World) -> tuple[str, str]:
    """Offer two models for everything, and return their names: the one is a thousand times cheaper than the other."""
    cheap = world.model("cheap", is_routable=True, tier=Tier.SIMPLE)
    good = world.unpriced_model("good", is_routable=True, tier=Tier.COMPLEX)
    factories.price(good, input_usd="1000", output_usd="2000")
    return cheap, str(good)


@pytest.mark.parametrize("asked", ["auto", "auto:complexity"])
async def test_automatic_choice_follows_complexity(world: World, asked: str) -> None:
    cheap_and_good(world)
    caller = world.caller()

    reply = await caller.ask(asked)

    assert (reply.headers["x-optimizer-model"], reply.json["model"]) == ("cheap", "cheap")
    assert (reply.headers["x-optimizer-strategy"], reply.headers["x-optimizer-confidence"]) == ("complexity", "low")


@pytest.mark.parametrize("asked", ["auto:hybrid", "auto:learning"])
async def test_strategy_that_has_learned_nothing_yet_decides_by_complexity_and_says_so(
    world: World, asked: str
) -> None:
    cheap_and_good(world)
    caller = world.caller()

    reply = await caller.ask(asked)

    entry = LedgerEntry.objects.get()
    assert f"auto:{reply.headers['x-optimizer-strategy']}" == entry.requested_model == asked
    assert reply.headers["x-optimizer-model"] == "cheap"
    assert entry.reasoning.startswith("no learned policy is active yet; ")


async def test_model_is_found_by_its_bare_name_and_by_its_full_one(world: World) -> None:
    world.model(provider=world.provider(slug="fake"))
    caller = world.caller()

    replies = [await caller.ask("ok"), await caller.ask("fake/ok")]

    assert [reply.status for reply in replies] == [200, 200]
    assert [reply.headers["x-optimizer-provider"] for reply in replies] == ["fake", "fake"]
    assert [body["model"] for body in world.upstream.bodies[-2:]] == ["ok", "ok"]


@pytest.mark.parametrize(
    "how",
    [
        {"headers": {"x-optimizer-min-quality": "0.8"}},
        {"metadata": {"x-optimizer-min-quality": "0.8"}},
        {"metadata": {"X-Optimizer-Min-Quality": 0.8}},
    ],
)
async def test_wanted_quality_lifts_the_choice(world: World, how: dict[str, Any]) -> None:
    cheap_and_good(world)
    caller = world.caller()

    reply = await caller.ask("auto", **how)

    assert reply.headers["x-optimizer-model"] == "good"


@pytest.mark.parametrize(
    "how",
    [{"headers": {"x-optimizer-max-cost-usd": "0.01"}}, {"metadata": {"x-optimizer-max-cost-usd": "0.01"}}],
)
async def test_cost_limit_is_held_against_the_wanted_quality(world: World, how: dict[str, Any]) -> None:
    _, good = cheap_and_good(world)
    caller = world.caller()

    within = await caller.ask("auto", **how)
    named = await caller.ask(good, **how)
    both = await caller.ask("auto", headers={"x-optimizer-max-cost-usd": "0.01", "x-optimizer-min-quality": "0.8"})

    assert (within.status, within.headers["x-optimizer-model"]) == (200, "cheap")
    assert (named.status, named.json["error"]["code"]) == (422, "no_eligible_model")
    assert (both.status, both.json["error"]["code"]) == (422, "no_eligible_model")
    assert Decimal(within.headers["x-optimizer-cost-usd"]) < Decimal("0.01")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-optimizer-max-cost-usd", "cheap"),
        ("x-optimizer-max-cost-usd", "-1"),
        ("x-optimizer-max-cost-usd", "NaN"),
        ("x-optimizer-min-quality", "2"),
        ("x-optimizer-cache", "always"),
        ("x-optimizer-task", "t" * 65),
    ],
)
async def test_control_that_cannot_be_read_is_refused_by_name(world: World, name: str, value: str) -> None:
    model = world.model()
    caller = world.caller()

    reply = await caller.ask(model, headers={name: value})

    assert (reply.status, reply.json["error"]["param"]) == (422, name)


async def test_controls_stay_with_us_and_the_rest_of_the_metadata_goes_on(world: World) -> None:
    model = world.model()
    caller = world.caller()

    await caller.ask(model, metadata={"x-optimizer-session": "s-1", "x-optimizer-task": "invoice", "project": "apollo"})
    await caller.ask(model, metadata={"X-Optimizer-Session": "s-2"})

    first, second = world.upstream.bodies[-2:]
    assert first["metadata"] == {"project": "apollo"}
    assert "metadata" not in second
    assert set(LedgerEntry.objects.values_list("session_id", "task")) == {("s-1", "invoice"), ("s-2", None)}


async def test_task_of_the_header_wins_and_is_kept_in_the_ledger(world: World) -> None:
    model = world.model()
    caller = world.caller()

    await caller.ask(model, headers={"x-optimizer-task": "billing"}, metadata={"x-optimizer-task": "other"})

    assert LedgerEntry.objects.get().task == "billing"


async def test_model_that_staff_allow_unpriced_is_served_at_an_unknown_cost(world: World) -> None:
    model = world.unpriced_model(allow_unpriced=True)
    caller = world.caller()

    reply = await caller.ask(str(model))

    entry = LedgerEntry.objects.get()
    assert (reply.status, reply.headers["x-optimizer-cost-usd"], reply.json["usage"]["cost_usd"]) == (
        200,
        "unknown",
        None,
    )
    assert (entry.cost_nano_usd, entry.is_unpriced) == (None, True)


async def test_key_is_taken_from_the_other_header_too(world: World) -> None:
    model = world.model()
    caller = world.caller()
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}

    async with caller.session.post(
        f"{caller.gateway.url}/v1/chat/completions", json=body, headers={"X-API-Key": caller.secret}
    ) as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions/", "/complete/", "/v1/models/", "/stats/", "/health/"])
async def test_path_with_a_slash_at_its_end_is_the_same_path(world: World, path: str) -> None:
    caller = world.caller()
    headers = {"Authorization": f"Bearer {caller.secret}"}

    async with (
        caller.session.get(f"{caller.gateway.url}{path}", headers=headers) as slashed,
        caller.session.get(f"{caller.gateway.url}{path.removesuffix('/')}", headers=headers) as plain,
    ):
        assert slashed.status == plain.status != 404
        assert slashed.history == ()


async def test_cost_agrees_to_the_nano_dollar_wherever_it_stands(world: World) -> None:
    model = world.unpriced_model("details")
    factories.price(model, input_usd="0.137", output_usd="1.009", cached_input_usd_per_mtok=Decimal("0.031"))
    caller = world.caller()

    whole = await caller.ask(str(model))
    streamed = await caller.ask(str(model), stream=True)

    # Of 5 tokens in 2 were cached: 3 x 137 + 2 x 31 + 22 x 1,009 nano-dollars.
    assert whole.headers["x-optimizer-cost-usd"] == "0.000022671"
    assert b'"cost_usd":0.000022671,' in whole.body
    assert b'"cost_usd":0.000022671,' in streamed.body
    assert set(LedgerEntry.objects.values_list("cost_nano_usd", flat=True)) == {22_671}
