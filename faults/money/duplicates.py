"""The same request many times at once, under one `Idempotency-Key`."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import aiohttp

from faults import load
from faults.direct import connector
from faults.money.part import Say
from faults.stack import Stack

# How many at once, with how often: most retries are single, a few clients storm.
_SIZES = (2, 3, 5, 10, 50)
_WEIGHTS = (40, 25, 20, 10, 5)
MODELS = ("ok", "slow_ok_300")
_SETS_AT_ONCE = 6


@dataclass(frozen=True)
class Duplicates:
    """So many sets of the same request at once, each followed by one more submission of it."""

    sets: int
    seed: int

    async def play(self, stack: Stack, say: Say) -> dict[str, int]:
        """Submit all sets; the provider must have been asked once for each."""
        waiting = iter(range(self.sets))
        timeout = aiohttp.ClientTimeout(total=load.LONGEST_SECONDS)
        done: Counter[str] = Counter()
        async with aiohttp.ClientSession(connector=connector(), timeout=timeout) as session:

            async def work() -> None:
                for number in waiting:
                    await self._submit(session, stack, number)
                    done["sets"] += 1
                    if done["sets"] % 50 == 0:
                        say(done["sets"], self.sets, "sets")

            await asyncio.gather(*(work() for _ in range(_SETS_AT_ONCE)))
        asked = sum(bool(exchange.attempt_id) for exchange in stack.exchanges())
        if asked != self.sets:
            stack.problems.append(f"the provider was asked {asked} times for {self.sets} sets")
        return {"sets": self.sets, "replays": sum(seen.is_replay for seen in stack.seen), "upstream calls": asked}

    async def _submit(self, session: aiohttp.ClientSession, stack: Stack, number: int) -> None:
        rng = random.Random(f"duplicates {self.seed} {number}")
        client, key = rng.choice(stack.clients), f"set {self.seed} {number}"
        wanted: dict[str, Any] = {
            "model": rng.choice(MODELS),
            "is_stream": rng.random() < 0.5,
            "idempotency_key": key,
            "nonce": key,
        }

        def ask() -> Any:
            return load.ask(session, rng.choice(stack.urls), client, **wanted)

        count = rng.choices(_SIZES, _WEIGHTS)[0]
        together = await asyncio.gather(*(ask() for _ in range(count)))
        again = await ask()
        stack.seen += [*together, again]
        first = sum(seen.is_whole and not seen.is_replay for seen in together)
        strange = sorted({seen.told for seen in together if not seen.is_whole and seen.status != 409})
        if first != 1 or strange or not (again.is_whole and again.is_replay):
            stack.problems.append(f"of {count} at once {first} were run, then {again.told}; there were {strange}")
