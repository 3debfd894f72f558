"""Many requests at once on budgets that hold a few of them."""

import asyncio
import random
from dataclasses import dataclass

import aiohttp

from faults import load
from faults.direct import connector
from faults.load import Client, Seen
from faults.money.part import Say
from faults.stack import Stack

AT_ONCE = 200
# A request reserves its output at `max_tokens` and some input: at least as much.
RESERVED_NANO_USD = 130_000
ROOM = 12
MODELS = ("ok", "ok", "slow_ok_300")


@dataclass(frozen=True)
class Races:
    """So many requests in rounds of 200, each round on a budget that holds about twelve."""

    requests: int
    seed: int

    async def play(self, stack: Stack, say: Say) -> dict[str, int]:
        """Race until all are asked; returns how many were admitted and how many the budget refused."""
        rng = random.Random(f"races {self.seed}")
        rounds = max(1, round(self.requests / AT_ONCE))
        timeout = aiohttp.ClientTimeout(total=load.LONGEST_SECONDS)
        async with aiohttp.ClientSession(connector=connector(), timeout=timeout) as session:
            for _ in range(rounds):
                client = rng.choice(stack.clients)
                await asyncio.to_thread(_make_poor, client, rng.randint(1, 2 * ROOM))
                stack.seen += await _race(session, stack, client, rng)
                say(len(stack.seen), rounds * AT_ONCE, "racing requests")
        _judge(stack)
        return {
            "rounds": rounds,
            "admitted": sum(seen.status == 200 for seen in stack.seen),
            "refused for the budget": sum(seen.status == 402 for seen in stack.seen),
        }


def _make_poor(client: Client, room: int) -> None:
    """Leave a team room for as many requests."""
    from accounts.models import Budget, BudgetPeriod, Team
    from accounts.services import budgets
    from routing.services import database_clock

    today = database_clock.now().date()
    period = BudgetPeriod.objects.filter(budget__team_id=client.team_id, period_start=today).first()
    used = period.spent_nano_usd + period.reserved_nano_usd if period else 0
    budgets.set_budget(
        team=Team.objects.get(id=client.team_id),
        period=Budget.Period.DAY,
        limit_nano_usd=used + room * RESERVED_NANO_USD,
        today=today,
    )


async def _race(session: aiohttp.ClientSession, stack: Stack, client: Client, rng: random.Random) -> list[Seen]:
    return await asyncio.gather(
        *(
            load.ask(
                session,
                stack.urls[number % len(stack.urls)],
                client,
                model=rng.choice(MODELS),
                is_stream=rng.random() < 0.5,
                nonce=str(rng.getrandbits(64)),
            )
            for number in range(AT_ONCE)
        )
    )


def _judge(stack: Stack) -> None:
    """Whoever is not served was told of the budget; and there was something to race for."""
    strange = sorted({seen.told for seen in stack.seen if not seen.is_whole and seen.status != 402})
    if strange:
        stack.problems.append(f"requests were refused for other reasons than the budget: {strange[:5]}")
    if not any(seen.status == 402 for seen in stack.seen) or not any(seen.is_whole for seen in stack.seen):
        stack.problems.append("nobody was refused, or nobody served: the budgets were no limit")
