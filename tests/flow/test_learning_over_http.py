"""The loop over real sockets: ask, rate, retrain, be routed otherwise, and go back."""

import asyncio
import time
from typing import Any

from feedback.models import ResponseFeedback
from routing.models import LanguageModel, LedgerEntry
from tests import factories
from tests.flow.client import Caller, World

CODE = "Write a Python function that reverses a list: def reverse(items):"
Tier = LanguageModel.Tier
# What every process promises: a second after a policy was activated it routes by it.
PROMISED_SECONDS = 1.0


async def send(caller: Caller, method: str, path: str, body: Any = None, **query: str) -> Any:
    headers = {"Authorization": f"Bearer {caller.secret}"}
    address = f"{caller.gateway.url}{path}"
    async with caller.session.request(method, address, json=body, params=query, headers=headers) as response:
        answer = await response.json()
        assert response.status == 200, answer
        return answer


async def ask_and_rate(caller: Caller, count: int, model: str, score: int, **fields: Any) -> None:
    for reply in await caller.ask_at_once(count, model, prompt=CODE):
        rating = {"request_id": reply.request_id, "quality_score": score, "is_correct": score > 3, **fields}
        assert (await send(caller, "POST", "/feedback", rating))["linked"] is True


async def retrain(caller: Caller) -> Any:
    """Retrain in earnest, and return once every process is to know the outcome."""
    report = await send(caller, "POST", "/admin/learning/retrain", dry_run="false")
    await asyncio.sleep(PROMISED_SECONDS)
    return report


async def choice(caller: Caller) -> str:
    decision = await send(caller, "GET", "/routing/decision", prompt=CODE, strategy="learning")
    return str(decision["model"])


def cheap_and_good(world: World) -> tuple[str, str]:
    """Offer two models of neighboring tiers and return their names; the one is a hundred times cheaper."""
    cheap = world.model("cheap", is_routable=True, tier=Tier.SIMPLE)
    good = world.unpriced_model("good", is_routable=True, tier=Tier.MODERATE)
    factories.price(good, input_usd="100", output_usd="200")
    return cheap, str(good)


async def test_ratings_change_routing_and_a_rollback_restores_it(world: World) -> None:
    cheap, good = cheap_and_good(world)
    caller = world.caller(scopes=["admin"])
    assert await choice(caller) == "cheap"

    await ask_and_rate(caller, 10, good, 5)
    first = await retrain(caller)
    learned = await choice(caller)
    answered = await caller.ask("auto", prompt=CODE)
    await ask_and_rate(caller, 10, cheap, 5)
    second = await retrain(caller)
    relearned = await choice(caller)
    version = LedgerEntry.objects.get(request_id=answered.request_id).policy_version
    await send(caller, "POST", "/admin/learning/rollback", {"version": version})
    restored_at = time.monotonic()
    while await choice(caller) != "good":
        assert time.monotonic() - restored_at < PROMISED_SECONDS, "the restored policy does not route"

    # Both models are as good as can be then, and the cheaper one wins.
    assert (learned, relearned) == ("good", "cheap")
    assert (first["patterns_updated"], second["patterns_updated"]) == (1, 1)
    assert answered.headers["x-optimizer-strategy"] == "hybrid"


async def test_poor_ratings_and_those_of_another_team_change_nothing(world: World) -> None:
    _, good = cheap_and_good(world)
    caller, stranger = world.caller(scopes=["admin"]), world.caller()
    full_marks = {"quality_score": 5, "is_correct": True}

    # Requests of another team are unknown to the stranger.
    foreign = [
        await send(stranger, "POST", "/feedback", {"request_id": reply.request_id, **full_marks})
        for reply in await caller.ask_at_once(12, good, prompt=CODE)
    ]
    await ask_and_rate(caller, 10, good, 1)
    report = await retrain(caller)

    assert {rating["linked"] for rating in foreign} == {False}
    assert ResponseFeedback.objects.filter(linked=True).count() == 10
    assert report["total_changes"] == 0
    assert await choice(caller) == "cheap"
