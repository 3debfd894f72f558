import pytest

from routing.models import LedgerEntry
from tests.flow import ledger_audit
from tests.flow.client import IMPATIENT, World

NAME = "shared-model"


def offered_twice(world: World, fault: str) -> tuple[str, str]:
    """Offer a model at a provider that fails and, behind it, at one that answers; return the names of both."""
    first, second = world.provider(priority=1, **IMPATIENT), world.provider(priority=2)
    world.model(fault, name=NAME, canonical_name=NAME, provider=first)
    world.model("ok", name=NAME, canonical_name=NAME, provider=second)
    return first.slug, second.slug


# A provider is asked twice where the same one may well answer a moment later; a refusal is free, and what was sent
# without an answer is billed at its reservation.
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "code", "asked", "is_free"),
    [
        ("500", "server_error", 2, True),
        ("429", "rate_limited", 2, True),
        ("429_retry_after:30", "rate_limited", 1, True),
        ("401", "authentication", 1, True),
        ("timeout", "timeout", 1, False),
        ("html_200", "malformed", 1, False),
    ],
)
async def test_failed_attempts_are_recorded_and_the_fallback_answers(
    world: World, fault: str, code: str, asked: int, is_free: bool, stream: bool
) -> None:
    first, second = offered_twice(world, fault)
    caller = world.caller(limit_nano_usd=10**9)

    reply = await caller.ask(NAME, stream=stream)

    entry = LedgerEntry.objects.get()
    *failed, last = entry.attempts
    assert reply.status == 200
    assert reply.headers["x-optimizer-provider"] == second
    assert reply.headers["x-optimizer-attempts"] == str(asked + 1)
    assert [attempt["attempt_id"] for attempt in entry.attempts] == [
        f"{reply.request_id}-{number}" for number in range(1, asked + 2)
    ]
    assert {(attempt["provider"], attempt["state"], attempt["code"]) for attempt in failed} == {(first, "failed", code)}
    assert {attempt["cost_nano_usd"] == 0 for attempt in failed} == {is_free}
    assert (last["provider"], last["state"], last["cost_nano_usd"]) == (second, "succeeded", 5 * 1000 + 22 * 2000)
    assert (entry.provider, entry.is_fallback, entry.is_estimated) == (second, True, not is_free)
    assert entry.cost_nano_usd == sum(attempt["cost_nano_usd"] for attempt in entry.attempts)
    assert ledger_audit.spent_and_reserved(caller.team.id) == (entry.cost_nano_usd, 0)


async def test_request_at_fault_is_not_tried_elsewhere(world: World) -> None:
    offered_twice(world, "400")
    caller = world.caller()

    reply = await caller.ask(NAME)

    assert (reply.status, reply.json["error"]["code"]) == (400, "bad_request")
    assert [exchange.fault for exchange in world.exchanges()] == ["400"]
    assert LedgerEntry.objects.get().cost_nano_usd == 0


async def test_exhausted_chain_says_when_to_come_back(world: World) -> None:
    model = world.model("429_retry_after:30")
    caller = world.caller(limit_nano_usd=10**9)

    reply = await caller.ask(model)

    assert (reply.status, reply.headers["retry-after"]) == (429, "30")
    assert LedgerEntry.objects.get().state == "failed"
    assert ledger_audit.spent_and_reserved(caller.team.id) == (0, 0)


async def test_fallback_that_the_budget_does_not_cover_is_not_made(world: World) -> None:
    offered_twice(world, "timeout")
    # One attempt may cost some 210,000 nano-dollars, and the first is billed though it gave no answer.
    caller = world.caller(limit_nano_usd=300_000)

    reply = await caller.ask(NAME)

    entry = LedgerEntry.objects.get()
    assert (reply.status, entry.attempt_count) == (503, 1)
    assert entry.cost_nano_usd == entry.attempts[0]["reserved_nano_usd"]
    assert ledger_audit.spent_and_reserved(caller.team.id) == (entry.cost_nano_usd, 0)


async def test_model_that_keeps_failing_is_no_longer_asked(world: World) -> None:
    model = world.model("500")
    caller = world.caller()
    replies = [await caller.ask(model) for _ in range(3)]
    before = len(world.exchanges())

    paused = await caller.ask(model)

    assert [reply.status for reply in replies] == [503, 503, 503]
    assert (paused.status, paused.json["error"]["code"]) == (503, "provider_breaker_open")
    assert before == len(world.exchanges()) == 5
    [attempt] = LedgerEntry.objects.get(request_id=paused.request_id).attempts
    assert (attempt["code"], attempt["cost_nano_usd"]) == ("breaker_open", 0)
