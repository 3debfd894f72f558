from collections import Counter

from accounts.models import BudgetPeriod
from routing.models import LedgerEntry
from tests.flow import ledger_audit
from tests.flow.client import World

RACERS = 200
COVERED = 7


async def test_racers_are_admitted_for_exactly_as_much_as_the_budget_covers(world: World) -> None:
    model = world.model("slow_ok_4000")
    quick = world.model()
    unlimited = world.caller()
    await unlimited.ask(quick)
    [attempt] = LedgerEntry.objects.get().attempts
    worst_case = attempt["reserved_nano_usd"]
    caller = world.caller(limit_nano_usd=COVERED * worst_case + worst_case - 1)

    replies = await caller.ask_at_once(RACERS, model)

    assert Counter(reply.status for reply in replies) == {200: COVERED, 402: RACERS - COVERED}
    refusal = next(reply for reply in replies if reply.status == 402)
    assert refusal.json["error"]["code"] == "budget_exceeded"
    # The answer has 22 words and the prompt 5 tokens.
    assert ledger_audit.spent_and_reserved(caller.team.id) == (COVERED * (5 * 1000 + 22 * 2000), 0)
    assert ledger_audit.cost_nano_usd(caller.team.id) == COVERED * (5 * 1000 + 22 * 2000)
    assert BudgetPeriod.objects.get().overrun_nano_usd == 0
    refused = LedgerEntry.objects.filter(http_status=402)
    assert set(refused.values_list("state", "cost_nano_usd", "attempt_count")) == {("failed", 0, 0)}
    assert len(world.exchanges()) == 1 + COVERED


async def test_several_answers_of_one_request_are_reserved_for(world: World) -> None:
    model = world.model(max_output_tokens=20)
    caller = world.caller(limit_nano_usd=60_000)

    # Four answers of up to 20 tokens may cost 160,000 nano-dollars.
    refused = await caller.ask(model, n=4)
    admitted = await caller.ask(model, n=1)

    assert (refused.status, admitted.status) == (402, 200)
