"""Many requests while web replicas and workers are killed, one after the other."""

import asyncio
import math
import os
import random
import signal
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp

from faults import load
from faults.direct import connector
from faults.load import Seen
from faults.money.part import Say
from faults.servers import DidNotStart
from faults.stack import Stack, Web, wait_until

CONCURRENCY = 40
STREAM_SHARE = 0.5
KEYED_SHARE = 0.2
# Most answers come at once; those that take their time are under way when a replica dies.
MODELS = ("ok",) * 12 + ("slow_ok_300",)
# Of the kills, that of a replica, of a process that does the worker's jobs, of the whole worker.
_VICTIMS = ("replica", "job process", "worker")
_WEIGHTS = (10, 8, 2)
_SECONDS = aiohttp.ClientTimeout(total=load.LONGEST_SECONDS)


@dataclass(frozen=True)
class Kills:
    """So many requests, with so many kills spread evenly over them."""

    requests: int
    kills: int
    seed: int

    async def play(self, stack: Stack, say: Say) -> dict[str, int]:
        """Ask and kill until both are done; returns how often each kind of process was killed."""
        rng = random.Random(f"kills {self.seed}")
        killed = dict.fromkeys(_VICTIMS, 0)
        killing = asyncio.create_task(self._kill(stack, rng, killed))
        async with aiohttp.ClientSession(connector=connector(), timeout=_SECONDS) as session:
            workers = (self._ask(session, stack, number, killing, say) for number in range(CONCURRENCY))
            await asyncio.gather(*workers)
        await killing
        return {"kills": sum(killed.values())} | {f"kills of a {name}": count for name, count in killed.items()}

    async def _ask(
        self, session: aiohttp.ClientSession, stack: Stack, number: int, killing: "asyncio.Task[None]", say: Say
    ) -> None:
        rng = random.Random(f"load {self.seed} {number}")
        while len(stack.seen) < self.requests or not killing.done():
            if not stack.urls:
                # Both replicas are gone for a moment.
                await asyncio.sleep(0.02)
                continue
            stack.seen.append(await _one(session, stack, rng))
            if len(stack.seen) % 500 == 0:
                say(len(stack.seen), self.requests, "requests")

    async def _kill(self, stack: Stack, rng: random.Random, killed: dict[str, int]) -> None:
        async with asyncio.TaskGroup() as restarts:
            for number in range(self.kills):
                due = (number + 0.5) * self.requests / self.kills
                await asyncio.to_thread(wait_until, partial(_has_seen, stack, due), math.inf)
                victim = rng.choices(_VICTIMS, _WEIGHTS)[0]
                if victim == "replica":
                    await _kill_replica(stack, rng, restarts)
                elif victim == "worker":
                    await asyncio.to_thread(stack.worker.kill)
                    await asyncio.to_thread(stack.start_worker)
                else:
                    await asyncio.to_thread(_kill_child, stack.worker.pid)
                killed[victim] += 1


def _has_seen(stack: Stack, count: float) -> bool:
    return len(stack.seen) >= count


async def _one(session: aiohttp.ClientSession, stack: Stack, rng: random.Random) -> Seen:
    return await load.ask(
        session,
        rng.choice(stack.urls),
        rng.choice(stack.clients),
        model=rng.choice(MODELS),
        is_stream=rng.random() < STREAM_SHARE,
        idempotency_key=str(uuid.UUID(int=rng.getrandbits(128))) if rng.random() < KEYED_SHARE else "",
        nonce=str(rng.getrandbits(64)),
    )


async def _kill_replica(stack: Stack, rng: random.Random, restarts: asyncio.TaskGroup) -> None:
    """Kill one while it answers, and only then take it out of the balancer, as a health check would."""
    await asyncio.to_thread(wait_until, lambda: bool(stack.urls), math.inf)
    url = rng.choice(stack.urls)
    web = next(web for web in stack.web if web.url == url)
    stack.killed.add(web.port)
    await asyncio.to_thread(web.process.kill)
    stack.urls.remove(url)
    restarts.create_task(_restart(stack, web))


async def _restart(stack: Stack, web: Web) -> None:
    try:
        await asyncio.to_thread(web.start)
    except DidNotStart:
        # On a machine that is busy with other things; what never starts is raised the second time.
        await asyncio.to_thread(web.process.kill)
        await asyncio.to_thread(web.start)
    stack.urls.append(web.url)


def _kill_child(pid: int) -> None:
    """Kill a process that does jobs; its parent starts another. One that has just ended counts as well."""
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            with suppress(ProcessLookupError):
                os.kill(int(children[-1]), signal.SIGKILL)
            return
        time.sleep(0.05)
    raise TimeoutError("The worker has had no process for its jobs for ten seconds.")
