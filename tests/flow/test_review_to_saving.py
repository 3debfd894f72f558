"""The loop of cost reviews over real sockets: traffic, review, accepted suggestion, other routing, saving, learning."""

import asyncio
from typing import Any

import pytest

from insights.services import realized
from routing.models import LanguageModel, LedgerEntry
from routing.services import database_clock
from tests import factories
from tests.flow.client import Caller, World
from tests.flow.test_learning_over_http import CODE, send

Tier = LanguageModel.Tier
FACT = "What is the capital of Norway?"
REQUESTS, FEW, RATED = 40, 8, 8


def dear_and_cheap(world: World) -> str:
    """Offer the model that simple prompts go to, and another at a hundredth of its price; return the other."""
    dear = world.unpriced_model("dear", is_routable=True, tier=Tier.SIMPLE, upstream_name="ok")
    cheap = world.unpriced_model(
        "cheap", is_routable=True, tier=Tier.COMPLEX, upstream_name="ok", provider=dear.provider
    )
    factories.price(dear, "1000", "1000")
    factories.price(cheap, "10", "10")
    return str(cheap)


async def ask_and_rate(caller: Caller, model: str, stars: int, prompt: str = CODE, count: int = REQUESTS) -> None:
    for reply in (await caller.ask_at_once(count, model, prompt=prompt))[:RATED]:
        rating = {"request_id": reply.request_id, "quality_score": stars, "is_correct": True}
        await send(caller, "POST", "/feedback", rating)


async def suggestions(caller: Caller) -> dict[str, Any]:
    found = await send(caller, "GET", "/api/suggestions")
    named = (
        (each["finding"]["finding_type"], each["finding"]["subject"].get("pattern"), each)
        for each in found["suggestions"]
    )
    return {f"{kind} {pattern}": each for kind, pattern, each in named}


def acceptance(suggestion: Any) -> Any:
    return next(factor for factor in suggestion["factors"] if factor["name"] == "acceptance")


async def until_routed_by_rule(caller: Caller) -> None:
    async with asyncio.timeout(10):
        while (await send(caller, "GET", "/recommendation", prompt=CODE))["strategy"] != "rule":  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_accepted_suggestion_changes_routing_saves_and_teaches(world: World) -> None:
    cheap = dear_and_cheap(world)
    caller = world.caller(scopes=["admin"])
    await ask_and_rate(caller, "auto", 4)
    await ask_and_rate(caller, cheap, 5)
    await ask_and_rate(caller, "auto", 4, FACT, FEW)
    await ask_and_rate(caller, cheap, 5, FACT, FEW)

    review = await send(caller, "POST", "/api/reviews", {})
    before = await suggestions(caller)
    overpowered = before["overpowered_model code"]["finding"]
    change = await send(caller, "GET", f"/api/findings/{overpowered['id']}/action")
    answer = {"verdict": "accepted", "apply": True}
    answered = await send(caller, "POST", f"/api/findings/{overpowered['id']}/feedback", answer)
    await until_routed_by_rule(caller)
    routed = await caller.ask_at_once(REQUESTS, "auto", prompt=CODE)
    realized.measure_all(now=database_clock.now())
    roi = await send(caller, "GET", "/api/insights/roi")
    after = await suggestions(caller)

    assert (review["state"], review["requests"]) == ("succeeded", 2 * (REQUESTS + FEW))
    assert overpowered["action"] == {"kind": "route_pattern", "parameters": {"pattern": "code", "model": cheap}}
    assert change["after"] == f"all go to {cheap}"
    assert (answered["finding_status"], answered["applied"]["kind"]) == ("accepted", "route_pattern")
    assert {(reply.status, reply.headers["x-optimizer-model"]) for reply in routed} == {(200, "cheap")}
    assert {reply.headers["x-optimizer-strategy"] for reply in routed} == {"rule"}
    rows = LedgerEntry.objects.filter(team=caller.team, strategy="rule")
    assert rows.count() == REQUESTS
    # Each request would have cost what it did before: as many tokens at a hundred times the price.
    saved = sum(99 * (row.cost_nano_usd or 0) for row in rows)
    assert saved > 0
    assert roi["realized_usd"] == pytest.approx(saved / 10**9)
    # Another suggestion of the kind that was accepted stands higher for it.
    assert acceptance(before["overpowered_model factual"])["is_missing"] is True
    assert acceptance(after["overpowered_model factual"])["value"] > 0.5
    assert after["overpowered_model factual"]["base_score"] > before["overpowered_model factual"]["base_score"]
    assert "overpowered_model code" not in after
