"""A live experiment under everything at once: many users, retries, and a worker that is killed in the middle."""

import asyncio
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import islice
from typing import Any

import aiohttp
import pytest

from experiments.models import ExperimentResult
from routing.domain import traffic_split
from routing.models import GatewayInstance, LedgerEntry
from routing.services import database_clock, reconciler
from tests.flow import ledger_audit
from tests.flow.client import Caller, World
from tests.flow.test_experiment_over_http import CODE, HALVES, begin, dear_and_cheap, send

USERS = 200
# Every tenth user asks twice; each request is sent by two clients at once, as after a time-out that came too early.
REQUESTS = [(f"user-{number}", f"{number}-{turn}") for number in range(USERS) for turn in range(1 + (number % 10 == 0))]
AT_ONCE = 32
# A request that was cut off is tried again; what another process had begun is never begun anew.
FINAL = {200, 409, 422}


async def ask(caller: Caller, experiment_id: int, user: str, key: str) -> tuple[int, dict[str, Any]]:
    """Send one request until it is answered for good, always under its one Idempotency-Key."""
    headers = {"Authorization": f"Bearer {caller.secret}", "Idempotency-Key": key}
    body = {"prompt": CODE, "max_tokens": 50, "experiment_id": experiment_id, "user_id": user}
    while True:
        try:
            url = f"{caller.gateway.url}/complete"
            async with caller.session.post(url, json=body, headers=headers) as response:
                if response.status in FINAL:
                    return response.status, await response.json()
        except aiohttp.ClientError:
            await asyncio.sleep(0.05)


async def ask_all(caller: Caller, experiment_id: int) -> list[tuple[int, dict[str, Any]]]:
    turns = iter([request for request in REQUESTS for _ in range(2)])
    answers = []

    async def work() -> None:
        while batch := list(islice(turns, 2)):
            answers.extend(await asyncio.gather(*(ask(caller, experiment_id, *request) for request in batch)))

    await asyncio.gather(*(work() for _ in range(AT_ONCE // 2)))
    return answers


async def test_live_experiment_counts_every_request_once_in_one_arm(own_world: World) -> None:
    caller = own_world.caller(scopes=["admin"])
    experiment_id = await begin(caller, dear_and_cheap(own_world))
    await asyncio.sleep(1)
    asking = asyncio.create_task(ask_all(caller, experiment_id))
    await own_world.until_received(USERS // 2)

    victim = await own_world.kill_a_busy_worker()
    answers = await asking
    GatewayInstance.objects.filter(id=victim.id).update(lease_expires_at=database_clock.now() - timedelta(minutes=1))
    reconciler.close_orphans()
    _, results = await send(caller, "GET", f"/experiments/{experiment_id}/results")

    entries = list(LedgerEntry.objects.all())
    arms = defaultdict(set)
    for entry in entries:
        arms[entry.user_id].add(entry.experiment_arm)
    per_arm = Counter(entry.experiment_arm for entry in entries)
    spent_nano_usd = sum(entry.cost_nano_usd or 0 for entry in entries if entry.experiment_arm == "test")

    # One row, one result and at most one exchange for each key, however often it was sent.
    assert len(entries) == len(REQUESTS) == 220
    assert ledger_audit.pending() == 0
    assert {entry.experiment_id for entry in entries} == {experiment_id}
    answered = {answer["request_id"] for status, answer in answers if status == 200}
    assert answered == {str(entry.request_id) for entry in entries if entry.state == "settled"}
    assert set(ExperimentResult.objects.values_list("request_id", flat=True)) == {one.request_id for one in entries}
    assert max(ledger_audit.tallied_ids(own_world.exchanges()).values()) == 1
    # Every user is in the arm of its hash, in both processes, and in that alone.
    assert arms == {user: {traffic_split.arm(experiment_id, user, HALVES)} for user, _ in REQUESTS}
    assert all(answer["experiment_assignment"] in ("control", "test") for status, answer in answers if status == 200)
    # Four standard deviations, of sqrt(200) / 2 each, about a half.
    assert 72 <= results["health"]["units"]["control"] <= 128
    assert sum(results["health"]["units"].values()) == USERS
    assert results["health"]["share_in_both_arms"] == 0
    assert (results["control_count"], results["test_count"]) == (per_arm["control"], per_arm["test"])
    assert results["test_avg_cost"] * per_arm["test"] * 1e9 == pytest.approx(spent_nano_usd)
