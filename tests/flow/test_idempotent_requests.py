from collections import Counter

import pytest

from routing.models import IdempotencyClaim, LedgerEntry
from tests.flow.client import World

KEY = {"Idempotency-Key": "order-42"}
BOTH = pytest.mark.parametrize("stream", [False, True])


@BOTH
async def test_twenty_submissions_at_once_are_one_exchange(world: World, stream: bool) -> None:
    model = world.model("slow_ok_300")
    caller = world.caller()

    replies = await caller.ask_at_once(20, model, headers=KEY, stream=stream)

    answers = [reply for reply in replies if reply.status == 200]
    assert len(world.exchanges()) == 1
    assert Counter(reply.status for reply in replies) == {200: len(answers), 409: 20 - len(answers)}
    assert len({reply.body for reply in answers}) == 1
    originals = [reply for reply in answers if "x-optimizer-idempotent-replay" not in reply.headers]
    assert len(originals) == 1
    assert LedgerEntry.objects.count() == 1


@BOTH
async def test_repeated_submission_gets_the_same_bytes(world: World, stream: bool) -> None:
    model = world.model()
    caller = world.caller()
    first = await caller.ask(model, headers=KEY, stream=stream)

    again = await caller.ask(model, headers=KEY, stream=stream)

    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.request_id == first.request_id
    assert again.headers["x-optimizer-idempotent-replay"] == "true"
    assert len(world.exchanges()) == 1


async def test_key_used_for_another_body_is_refused(world: World) -> None:
    model = world.model()
    caller = world.caller()
    await caller.ask(model, headers=KEY)

    other = await caller.ask(model, headers=KEY, prompt="Something else?")

    assert (other.status, other.json["error"]["code"]) == (422, "idempotency_key_reused")
    assert len(world.exchanges()) == 1


async def test_teams_do_not_share_their_keys(world: World) -> None:
    model = world.model()
    ours, theirs = world.caller(), world.caller()
    first = await ours.ask(model, headers=KEY)

    second = await theirs.ask(model, headers=KEY)

    assert second.status == 200
    assert second.request_id != first.request_id
    assert "x-optimizer-idempotent-replay" not in second.headers
    assert len(world.exchanges()) == 2


async def test_failure_that_cost_nothing_frees_its_key(world: World) -> None:
    refused, model = world.model("401"), world.model("503_then_ok")
    caller = world.caller()

    first = await caller.ask(refused, headers=KEY)
    second = await caller.ask(refused, headers=KEY)
    third = await caller.ask(model, headers=KEY)

    assert (first.status, second.status, third.status) == (503, 503, 200)
    assert [exchange.fault for exchange in world.exchanges()] == ["401", "401", "503", "ok"]


async def test_failure_that_may_have_cost_something_keeps_its_key(world: World) -> None:
    model = world.model("malformed_json")
    caller = world.caller()
    first = await caller.ask(model, headers=KEY)

    again = await caller.ask(model, headers=KEY)

    assert (first.status, again.status) == (503, 409)
    assert IdempotencyClaim.objects.get().state == "unknown"
    assert len(world.exchanges()) == 1


async def test_refused_budget_frees_its_key(world: World) -> None:
    model = world.model()
    caller = world.caller(limit_nano_usd=1)

    refusals = [await caller.ask(model, headers=KEY) for _ in range(2)]

    assert [reply.status for reply in refusals] == [402, 402]
    assert IdempotencyClaim.objects.count() == 0


async def test_answer_whose_key_is_lost_is_a_conflict_and_not_a_failure(world: World) -> None:
    model = world.model()
    caller = world.caller()
    await caller.ask(model, headers=KEY)
    IdempotencyClaim.objects.update(encrypted_body=b"written under another SECRET_KEY")

    again = await caller.ask(model, headers=KEY)

    assert (again.status, again.json["error"]["code"]) == (409, "idempotency_conflict")
    assert len(world.exchanges()) == 1
