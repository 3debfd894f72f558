"""Traffic that an experiment splits, in a running gateway."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from feedback.models import ResponseFeedback
from routing.domain.traffic_split import Arm
from routing.models import CachedResponse, Exposure, LanguageModel, LedgerEntry
from routing.services import traffic_splits
from tests import factories
from tests.flow.client import PROMPT, Caller, Reply, World, until
from tests.routing.services import splits

# What every process promises.
PROMISED_SECONDS = 1.0
# By md5 of "42:bob" and "42:carol", whose first 32 bits are 0.159 and 0.661 of all.
CONTROL_USER, TEST_USER = "bob", "carol"


@dataclass
class Answer:
    status: int
    json: Any


def offer(world: World) -> None:
    row = factories.language_model(
        world.provider(), "cheap", upstream_name="ok", max_output_tokens=100, tier=LanguageModel.Tier.SIMPLE
    )
    factories.price(row)


async def complete(caller: Caller, **body: Any) -> Answer:
    async with caller.session.post(
        f"{caller.gateway.url}/complete",
        json={"prompt": PROMPT, "max_tokens": 100, **body},
        headers={"Authorization": f"Bearer {caller.secret}"},
    ) as response:
        return Answer(response.status, await response.json())


def arm_of(reply: Reply) -> tuple[str | None, str | None]:
    return reply.headers.get("x-optimizer-experiment"), reply.headers.get("x-optimizer-experiment-arm")


async def test_experiment_is_joined_by_name_from_the_moment_it_has_begun_and_refused_after_its_end(
    world: World,
) -> None:
    offer(world)
    caller = world.caller()
    splits.start(42)

    found = [await complete(caller, experiment_id=42, user_id=user) for user in (CONTROL_USER, TEST_USER)]

    assert [(one.status, one.json["experiment_assignment"]) for one in found] == [(200, "control"), (200, "test")]
    assert [one.json["strategy_used"] for one in found] == ["complexity", "learning"]
    assert found[0].json["reasoning"].startswith("experiment 42, arm control: ")
    rows = [LedgerEntry.objects.get(request_id=one.json["request_id"]) for one in found]
    assert [(row.experiment_id, row.experiment_arm, row.experiment_phase) for row in rows] == [
        (42, "control", 1),
        (42, "test", 1),
    ]
    assert [row.state for row in rows] == ["settled", "settled"]
    # 13 tokens in, by our own count, and of a typical answer the 100 that were asked for.
    assert [row.reference_cost_nano_usd for row in rows] == [13 * 1000 + 100 * 2000] * 2
    await until(lambda: Exposure.objects.filter(experiment_id=42).count() >= 2)

    traffic_splits.stop(42)
    await asyncio.sleep(PROMISED_SECONDS)

    ended = await complete(caller, experiment_id=42, user_id="bob")
    unknown = await complete(caller, experiment_id=43, user_id="bob")
    assert (ended.status, ended.json) == (409, {"detail": "Experiment is not running"})
    assert (unknown.status, unknown.json) == (404, {"detail": "Experiment not found"})
    assert LedgerEntry.objects.count() == 2


async def test_experiment_of_another_team_is_not_found_and_one_without_its_unit_is_explained(world: World) -> None:
    offer(world)
    ours, theirs = world.caller(), world.caller()
    splits.start(42, team=ours.team)

    foreign = await complete(theirs, experiment_id=42, user_id="bob")
    chats = [
        await ours.ask("auto", headers={"x-optimizer-experiment": "42"}),
        await ours.ask("cheap", headers={"x-optimizer-experiment": "42"}, user="bob"),
        await ours.ask("auto", headers={"x-optimizer-experiment": "41"}, user="bob"),
    ]

    assert (foreign.status, foreign.json) == (404, {"detail": "Experiment not found"})
    assert [chat.status for chat in chats] == [400, 422, 404]
    codes = [chat.json["error"]["code"] for chat in chats]
    assert codes == ["user_id_required", "invalid_request", "experiment_not_found"]
    assert not LedgerEntry.objects.exists()


async def test_chat_joins_by_header_and_streams_say_so_before_their_first_chunk(world: World) -> None:
    offer(world)
    caller = world.caller()
    splits.start(42, unit="session")
    asked = {"x-optimizer-experiment": "42", "x-optimizer-session": CONTROL_USER}

    replies = [await caller.ask("auto", headers=asked, stream=stream) for stream in (False, True)]

    assert [arm_of(reply) for reply in replies] == [("42", "control")] * 2
    assert set(LedgerEntry.objects.values_list("experiment_arm", "requested_model")) == {("control", "auto")}


async def test_requests_for_auto_join_by_themselves_until_the_experiment_is_stopped(world: World) -> None:
    offer(world)
    caller = world.caller()
    # Of a number of its own: what the gateway noted in other tests may still be written in this one.
    splits.start(52, traffic_percent=50.0)
    await asyncio.sleep(PROMISED_SECONDS)

    users = [f"user-{number}" for number in range(40)]
    first = await asyncio.gather(*(caller.ask("auto", user=user) for user in users))
    again = await asyncio.gather(*(caller.ask("auto", user=user) for user in users))
    others = [await caller.ask("auto"), await caller.ask("auto:hybrid", user="user-0")]
    traffic_splits.stop(52)
    await asyncio.sleep(PROMISED_SECONDS)
    after = await caller.ask("auto", user=users[0])

    assert [arm_of(reply) for reply in first] == [arm_of(reply) for reply in again]
    # Three standard deviations from 20 of 40, and from half of those.
    joined = Counter(arm for _, arm in map(arm_of, first) if arm)
    assert 11 <= joined.total() <= 29
    assert set(joined) == {"control", "test"}
    assert [arm_of(reply) for reply in (*others, after)] == [(None, None)] * 3
    assert {reply.status for reply in (*first, *again, *others, after)} == {200}
    assert LedgerEntry.objects.filter(experiment_id=52).count() == 2 * joined.total()
    await until(lambda: Exposure.objects.filter(experiment_id=52).count() == joined.total())


async def test_answers_of_an_experiment_are_neither_reused_nor_kept(world: World) -> None:
    offer(world)
    caller = world.caller(factories.team(cache_ttl_seconds=60))
    await caller.ask("auto", user="bob")
    assert CachedResponse.objects.count() == 1
    splits.start(42, arms=(Arm("control", 0.5, "complexity"), Arm("test", 0.5, "hybrid")))

    found = [await caller.ask("auto", user="bob", headers={"x-optimizer-experiment": "42"}) for _ in range(2)]
    outside = await caller.ask("auto", user="bob")

    assert [reply.headers["x-optimizer-cache"] for reply in found] == ["miss", "miss"]
    assert outside.headers["x-optimizer-cache"] == "hit"
    assert CachedResponse.objects.count() == 1


async def test_failed_call_counts_for_its_arm_and_a_rating_finds_its_experiment(world: World) -> None:
    world.model("500", is_routable=True, tier=LanguageModel.Tier.SIMPLE)
    caller = world.caller()
    splits.start(42)

    failed = await complete(caller, experiment_id=42, user_id=TEST_USER)

    assert failed.status == 503
    row = LedgerEntry.objects.get()
    assert (row.state, row.experiment_id, row.experiment_arm) == ("failed", 42, "test")
    rating = {"request_id": str(row.request_id), "quality_score": 1, "is_correct": False}
    async with caller.session.post(
        f"{caller.gateway.url}/feedback", json=rating, headers={"Authorization": f"Bearer {caller.secret}"}
    ) as response:
        assert response.status == 200
    assert ResponseFeedback.objects.get().experiment_id == 42
