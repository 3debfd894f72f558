"""F5: an experiment whose callers ask again, whose replica is killed, and which is switched off in the middle."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp

from faults.cell import Cell
from faults.cells import clients
from faults.load import Client, Plan
from faults.stack import Stack

USERS = 120
AT_ONCE = 12
ARM_HEADER = "x-optimizer-experiment-arm"
# Replicas know of an experiment, and of its end, within a second.
KNOWN_SECONDS = 2.0
# Below this, shares so uneven come by chance once in a thousand experiments.
_LEAST_PROBABILITY = 0.001
_SECONDS = aiohttp.ClientTimeout(total=30)


async def begin(stack: Stack) -> None:
    """Begin an experiment that all users of the first team's ``auto`` take part in."""
    await asyncio.to_thread(_begin, stack)
    await asyncio.sleep(KNOWN_SECONDS)


def _begin(stack: Stack) -> None:
    from accounts.models import Team
    from experiments.services import creation
    from experiments.services.creation import Design
    from routing.services import database_clock

    design = Design(name="under faults", control_strategy="complexity", test_strategy="hybrid", traffic_percent=100.0)
    team = Team.objects.get(id=stack.clients[0].team_id)
    creation.create(design, team=team, actor="faults", now=database_clock.now())


async def ask_retry_kill_and_switch_off(stack: Stack) -> None:
    """Have every user ask twice and repeat each request; kill a replica between, switch experiments off at the end."""
    rng = random.Random(len(stack.seen))
    names = [f"user {number}" for number in range(USERS)]
    async with aiohttp.ClientSession(timeout=_SECONDS, connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:
        first = await _ask_all(session, stack, names, rng)
        await clients.kill_one(stack)
        second = await _ask_all(session, stack, names, rng)
        await clients.start_it(stack)
        _check_sticky(stack, [*first, *second])
        await _switch_off(stack, session, rng)


async def _ask_all(
    session: aiohttp.ClientSession, stack: Stack, names: list[str], rng: random.Random
) -> list[tuple[str, str]]:
    asking = (_ask_and_repeat(session, stack, name, rng) for name in names)
    return [told for pair in await asyncio.gather(*asking) for told in pair]


async def _ask_and_repeat(
    session: aiohttp.ClientSession, stack: Stack, user: str, rng: random.Random
) -> list[tuple[str, str]]:
    """Ask under a key, and again under it at the other replica; return the user's arm as each answer tells it."""
    key = str(rng.getrandbits(64))
    urls = rng.sample(stack.urls, len(stack.urls))
    answers = [await _ask(session, url, stack.clients[0], user, key) for url in urls]
    return [(user, arm) for status, arm in answers if status == 200]


async def _ask(session: aiohttp.ClientSession, url: str, client: Client, user: str, key: str) -> tuple[int | None, str]:
    content = f"Say something about {client.canary} {key}"
    body: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": content}], "max_tokens": 64}
    headers = {"Authorization": f"Bearer {client.secret}", "Idempotency-Key": f"experiment {key}"}
    try:
        async with session.post(f"{url}/v1/chat/completions", json=body | {"user": user}, headers=headers) as response:
            await response.read()
            return response.status, response.headers.get(ARM_HEADER, "")
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None, ""


def _check_sticky(stack: Stack, told: list[tuple[str, str]]) -> None:
    arms: dict[str, set[str]] = {}
    for user, arm in told:
        arms.setdefault(user, set()).add(arm)
    moved = {user: found for user, found in arms.items() if len(found) != 1 or "" in found}
    if moved or not arms:
        stack.problems.append(f"{len(moved)} of {len(arms)} users were in no arm, or in two: {list(moved.items())[:3]}")


async def _switch_off(stack: Stack, session: aiohttp.ClientSession, rng: random.Random) -> None:
    from django.utils import timezone

    from accounts.services import features

    await asyncio.to_thread(
        lambda: features.disable("experiments", reason="a test", actor="faults", now=timezone.now())
    )
    await asyncio.sleep(KNOWN_SECONDS)
    after = await _ask_all(session, stack, ["late"] * AT_ONCE, rng)
    joined = sum(bool(arm) for _, arm in after)
    if joined or not after:
        stack.problems.append(f"{joined} of {len(after)} requests joined an experiment that is switched off")


async def one_outcome_each(stack: Stack) -> None:
    """What is analyzed has every settled request once, every user in one arm, and arms as even as chance has them."""
    # Rows of the replica that was killed are closed by the sweep that comes with rest.
    stack.problems += await asyncio.to_thread(lambda: list(_wrong_results()))


def _wrong_results() -> Iterator[str]:
    from experiments.domain import sample_ratio
    from experiments.models import Experiment, ExperimentResult
    from experiments.services import collection
    from routing.models import Exposure, LedgerEntry
    from routing.services import database_clock

    experiment = Experiment.objects.get()
    for _ in range(2):
        collection.collect(experiment, now=database_clock.now(), everything=True)
    results = list(ExperimentResult.objects.values_list("request_id", flat=True))
    closed = LedgerEntry.objects.filter(experiment_id=experiment.id).exclude(state=LedgerEntry.State.PENDING)
    asked = set(closed.values_list("request_id", flat=True))
    if len(results) != len(set(results)) or set(results) != asked:
        yield f"there are {len(results)} outcomes of {len(asked)} requests"
    arms = Counter(Exposure.objects.values_list("unit", flat=True))
    if max(arms.values(), default=0) > 1:
        yield "a user was seen in two arms"
    users = Counter(arm for _, arm in ExperimentResult.objects.order_by().values_list("unit", "arm").distinct())
    observed = [users[arm["name"]] for arm in experiment.arms]
    probability = sample_ratio.chi_square(observed, [arm["weight"] for arm in experiment.arms])
    if probability < _LEAST_PROBABILITY:
        yield f"users are spread over the arms as {dict(users)}, p = {probability:.5f}"


CELLS = (
    Cell(
        "F5",
        "an experiment: requests repeated, a replica killed, the switch turned off",
        Plan(models=("ok",), concurrency=6, seconds=20.0),
        ask_retry_kill_and_switch_off,
        prepare=begin,
        finish=one_outcome_each,
    ),
)
