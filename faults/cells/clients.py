"""D: clients hang up, ask twice, race for the last of a budget, and say again what they said before."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp

from faults import load
from faults.cell import Cell
from faults.evidence import Evidence
from faults.load import Client, Plan, Seen
from faults.stack import Stack

SETS = 12
MOST_AT_ONCE = 50
# What one request of the plan reserves, at least; the budgets of D4 hold some of them.
RESERVED_NANO_USD = 130_000
ROOM = 12


def hung_up_and_served(found: Evidence) -> Iterator[str]:
    """Who does not hang up is served, whatever the others do."""
    gone = sum(seen.has_hung_up for seen in found.seen)
    refused = [seen.told for seen in found.seen if not seen.is_whole and not seen.has_hung_up]
    if not gone:
        yield "nobody hung up"
    if refused:
        yield f"{len(refused)} of {len(found.seen)} who stayed were not answered: {refused[:3]}"


async def ask_twice(stack: Stack) -> None:
    """Send the same request up to fifty times at once, then again, then with another body."""
    rng = random.Random(len(stack.seen))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        for number in range(SETS):
            await _ask_set(session, stack, f"twice-{number}", rng)


async def _ask_set(session: aiohttp.ClientSession, stack: Stack, key: str, rng: random.Random) -> None:
    client = rng.choice(stack.clients)
    wanted: dict[str, Any] = {"model": "slow_ok_300", "is_stream": rng.random() < 0.5, "idempotency_key": key}
    count = rng.choice((2, 5, 20, MOST_AT_ONCE))

    def ask(nonce: str = key) -> Any:
        return load.ask(session, rng.choice(stack.urls), client, nonce=nonce, **wanted)

    together = await asyncio.gather(*(ask() for _ in range(count)))
    again = await ask()
    other = await ask("another body")
    first = [seen for seen in together if seen.is_whole and not seen.is_replay]
    strange = sorted({seen.told for seen in together if not seen.is_whole and seen.status != 409})
    if len(first) != 1 or strange:
        stack.problems.append(f"of {count} at once {len(first)} were run, and there were {strange}")
    if not (again.is_whole and again.is_replay):
        stack.problems.append(f"the repetition was no replay: {again.told}")
    if other.status != 422:
        stack.problems.append(f"another body under the key was answered {other.told}")
    stack.seen += [*together, again, other]


async def kill_one(stack: Stack) -> None:
    web = stack.web[0]
    stack.killed.add(web.port)
    await asyncio.to_thread(web.process.kill)


async def start_it(stack: Stack) -> None:
    await asyncio.to_thread(stack.web[0].start)


async def repeat_all(stack: Stack) -> None:
    """Send everything again under its key, as clients do that do not know what became of it."""
    keyed = [seen for seen in stack.seen if seen.idempotency_key]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20)) as session:
        again = await asyncio.gather(*(_repeat(session, stack, seen) for seen in keyed))
    pairs = list(zip(keyed, again, strict=True))
    lost = [second.told for first, second in pairs if first.is_whole and not (second.is_whole and second.is_replay)]
    if lost:
        stack.problems.append(f"{len(lost)} of {len(pairs)} answers were not replayed: {lost[:3]}")
    unclear = sorted({second.told for first, second in pairs if not second.is_whole and second.status != 409})
    if unclear:
        stack.problems.append(f"repetitions were answered {unclear[:3]}")
    stack.seen += again


async def _repeat(session: aiohttp.ClientSession, stack: Stack, seen: Seen) -> Seen:
    return await load.ask(
        session,
        random.Random(seen.nonce).choice(stack.urls),
        seen.client,
        model=seen.model,
        is_stream=seen.is_stream,
        idempotency_key=seen.idempotency_key,
        nonce=seen.nonce,
    )


async def make_poor(stack: Stack) -> None:
    """Leave each team room for some requests."""
    await asyncio.to_thread(_limit_budgets)


def _limit_budgets() -> None:
    from accounts.models import Budget, BudgetPeriod
    from accounts.services import budgets

    for period in BudgetPeriod.objects.select_related("budget__team"):
        limit = period.spent_nano_usd + period.reserved_nano_usd + ROOM * RESERVED_NANO_USD
        budgets.set_budget(
            team=period.budget.team, period=Budget.Period.DAY, limit_nano_usd=limit, today=period.period_start
        )


async def spend_the_rest(stack: Stack) -> None:
    """Ask one after the other until each team is refused: it must have had no room for that."""
    async with aiohttp.ClientSession() as session:
        for client in stack.clients:
            await _until_refused(session, stack, client)
    rooms = await asyncio.to_thread(_rooms)
    roomy = [f"{room} nano-dollars" for room in rooms if room >= 2 * RESERVED_NANO_USD]
    if roomy:
        stack.problems.append(f"teams were refused with room for more: {', '.join(roomy)}")


async def _until_refused(session: aiohttp.ClientSession, stack: Stack, client: Client) -> None:
    for number in range(10 * ROOM):
        seen = await load.ask(session, stack.urls[number % 2], client, model="ok", nonce=f"rest {number}")
        stack.seen.append(seen)
        if seen.status == 402:
            return
    stack.problems.append(f"{client.slug} was never refused")


def _rooms() -> list[int]:
    from accounts.models import BudgetPeriod

    return [
        period.limit_nano_usd - period.spent_nano_usd - period.reserved_nano_usd
        for period in BudgetPeriod.objects.all()
    ]


def refused_for_budget_alone(found: Evidence) -> Iterator[str]:
    """Whoever is not served is told of the budget, and nothing else."""
    told = Counter(seen.told for seen in found.seen if not seen.is_whole and seen.status != 402)
    if told:
        yield f"requests were refused for other reasons: {dict(told)}"


CELLS = (
    Cell(
        "D1",
        "clients hang up at any moment",
        Plan(models=("ok", "slow_chunk", "slow_ok_300", "slow_first"), hang_up_share=0.5, concurrency=30),
        expect=(hung_up_and_served,),
    ),
    Cell("D3a", "the same request up to fifty times at once", Plan(models=("ok",), concurrency=6), ask_twice),
    Cell(
        "D3b",
        "everything asked again after a replica was killed",
        Plan(models=("ok", "slow_ok_300", "slow_chunk"), keyed_share=1.0, concurrency=16),
        kill_one,
        start_it,
        finish=repeat_all,
    ),
    Cell(
        "D4",
        "many race for the last of a budget",
        Plan(models=("ok", "slow_ok_300"), concurrency=60, think_seconds=0.2),
        prepare=make_poor,
        finish=spend_the_rest,
        expect=(refused_for_budget_alone,),
    ),
)
