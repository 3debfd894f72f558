import uuid
from datetime import timedelta
from typing import Any

import pytest

from routing.domain import policy as policy_domain
from routing.models import LedgerEntry, PolicyVersion, PromptEmbedding
from routing.services import database_clock, embeddings, policies
from tests import factories
from tests.flow.client import Caller, Reply, World, until
from tests.routing.domain.learned import override

PROMPT = "Write a Python function that sorts a list"


def priced(world: World, name: str, rate: str, provider: Any) -> None:
    row = factories.language_model(provider, name, upstream_name="ok", max_output_tokens=100)
    factories.price(row, rate, rate)


def published(model: str, provider: str, **parameters: float) -> PolicyVersion:
    document = policy_domain.document([override(provider=provider, model=model)], **parameters)  # type: ignore[arg-type]
    return policies.publish(team=None, document=document, source="staff", actor="ada", now=database_clock.now())


async def ask_until_served_by(caller: Caller, model: str) -> Reply:
    found: list[Reply] = []
    deadline = database_clock.now() + timedelta(seconds=5)
    while database_clock.now() < deadline:
        found.append(await caller.ask("auto", prompt=PROMPT))
        if found[-1].headers["x-optimizer-model"] == model:
            return found[-1]
    raise TimeoutError(f"{model} was not chosen; the last answer came from {found[-1].headers['x-optimizer-model']}.")


async def test_policy_routes_in_a_running_gateway_and_its_withdrawal_ends_that(world: World) -> None:
    provider = world.provider()
    priced(world, "cheap", "1", provider)
    priced(world, "dear", "2", provider)
    caller = world.caller()
    cold = await caller.ask("auto", prompt=PROMPT)
    policy = published("dear", provider.slug)

    policies.activate(policy, kind="staff", actor="ada", reason="better", now=database_clock.now())
    learned = await ask_until_served_by(caller, "dear")
    policies.withdraw(team=None, actor="ada", reason="worse", now=database_clock.now())
    await ask_until_served_by(caller, "cheap")

    assert (cold.headers["x-optimizer-model"], cold.headers["x-optimizer-strategy"]) == ("cheap", "complexity")
    assert (learned.headers["x-optimizer-strategy"], learned.headers["x-optimizer-confidence"]) == ("hybrid", "high")
    row = LedgerEntry.objects.get(request_id=learned.request_id)
    assert (row.policy_version, row.strategy, row.propensity) == (policy.version, "hybrid", 1.0)
    assert [entry["model"] for entry in row.candidates if entry.get("is_greedy")] == [f"{provider.slug}/dear"]


async def test_vectors_of_routed_prompts_are_kept_and_of_no_others(world: World) -> None:
    priced(world, "cheap", "1", world.provider())
    caller, silent = world.caller(), world.caller(factories.team(keeps_embeddings=False))
    routed = await caller.ask("auto", prompt=PROMPT)
    for other in (await caller.ask("cheap", prompt=PROMPT), await silent.ask("auto", prompt=PROMPT)):
        assert other.status == 200

    request_id = uuid.UUID(routed.request_id)
    await until(lambda: PromptEmbedding.objects.filter(request_id=request_id).exists())

    assert PromptEmbedding.objects.count() == 1
    row = LedgerEntry.objects.get(request_id=request_id)
    expected = embeddings.encode(PROMPT, complexity_score=row.complexity_score)
    # Half precision has eleven significant bits.
    assert embeddings.vectors([request_id])[request_id] == pytest.approx(expected, rel=2**-11, abs=1e-7)


async def test_session_is_explored_at_its_beginning_and_not_again(world: World) -> None:
    provider = world.provider()
    priced(world, "cheap", "1", provider)
    priced(world, "dear", "2", provider)
    policy = published("dear", provider.slug, exploration_share=0.5, random_share=0.5)
    policies.activate(policy, kind="staff", actor="ada", reason="better", now=database_clock.now())
    caller = world.caller()

    replies = [await caller.ask("auto", prompt=PROMPT, headers={"x-optimizer-session": "s"}) for _ in range(3)]

    propensities = [LedgerEntry.objects.get(request_id=reply.request_id).propensity for reply in replies]
    assert propensities[0] < 1.0
    assert propensities[1:] == [1.0, 1.0]
