"""An experiment over real sockets: begun, joined, rated, judged and ended, as its callers see it."""

import asyncio
from itertools import count, islice
from typing import Any

import pytest

from routing.domain import policy as policy_domain
from routing.domain import traffic_split
from routing.models import LedgerEntry
from routing.services import database_clock, policies
from tests import factories
from tests.flow.client import Caller, World
from tests.routing.domain.learned import override

CODE = "Write a Python function that reverses a list: def reverse(items):"
HALVES = {"control": 0.5, "test": 0.5}
# Latencies of a busy test machine are not what these tests are about.
PATIENT = [{"metric": "latency", "margin": 9.0}]


async def send(caller: Caller, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {caller.secret}"}
    async with caller.session.request(method, f"{caller.gateway.url}{path}", json=body, headers=headers) as response:
        return response.status, await response.json()


async def ask(caller: Caller, experiment_id: int, user: str) -> Any:
    body = {"prompt": CODE, "max_tokens": 50, "experiment_id": experiment_id, "user_id": user}
    status, answer = await send(caller, "POST", "/complete", body)
    assert status == 200, answer
    return answer


def dear_and_cheap(world: World) -> str:
    """Offer two models, one at twice the price of the other, and return a policy that takes the dear one."""
    provider = world.provider()
    for name, rate in (("cheap", "1"), ("dear", "2")):
        row = factories.language_model(provider, name, upstream_name="ok", max_output_tokens=100)
        factories.price(row, rate, rate)
    document = policy_domain.document([override(provider=provider.slug, model="dear")])
    stored = policies.publish(team=None, document=document, source="staff", actor="ada", now=database_clock.now())
    return f"policy:{stored.version}"


async def begin(caller: Caller, control: str, **design: Any) -> int:
    design = {"control_strategy": control, "test_strategy": "complexity", "guardrails": PATIENT, **design}
    status, answer = await send(caller, "POST", "/experiments", {"name": "Cheaper?", **design})
    assert (status, answer["status"]) == (200, "running"), answer
    return int(answer["id"])


def users_of(experiment_id: int, arm: str, size: int) -> list[str]:
    """Return users whom the experiment puts into an arm."""
    names = (f"user-{number}" for number in count())
    return list(islice((user for user in names if traffic_split.arm(experiment_id, user, HALVES) == arm), size))


async def test_half_the_cost_wins_at_the_planned_size(world: World) -> None:
    caller = world.caller(scopes=["admin"])
    experiment_id = await begin(caller, dear_and_cheap(world), sample_size=100)
    path = f"/experiments/{experiment_id}"
    users = {arm: users_of(experiment_id, arm, 50) for arm in ("control", "test")}

    # In tens, so that nobody has to wait for all others.
    answers = []
    for start in range(0, 50, 5):
        batch = [user for arm in users for user in users[arm][start : start + 5]]
        answers += await asyncio.gather(*(ask(caller, experiment_id, user) for user in batch))
    status, results = await send(caller, "GET", path + "/results")

    served = {(answer["experiment_assignment"], answer["model"]) for answer in answers}
    assert served == {("control", "dear"), ("test", "cheap")}
    assert not any(answer["cache_hit"] for answer in answers)
    assert (status, results["control_count"], results["test_count"]) == (200, 50, 50)
    assert results["control_avg_cost"] == pytest.approx(2 * results["test_avg_cost"])
    assert results["primary_metric"] == "cost_per_reference_cost"
    assert (results["p_value"], results["is_significant"], results["winner"]) == (0, True, "test")
    assert (results["control_avg_quality"], results["test_avg_quality"]) == (None, None)
    status, ended = await send(caller, "POST", path + "/complete")
    assert (status, ended["status"], ended["winner"]) == (200, "completed", "test")
    body = {"prompt": CODE, "experiment_id": experiment_id, "user_id": "late"}
    refusal = await send(caller, "POST", "/complete", body)
    assert refusal == (409, {"detail": "Experiment is not running"})


async def test_rating_fills_the_quality_of_its_arm(world: World) -> None:
    caller = world.caller(scopes=["admin"])
    experiment_id = await begin(caller, dear_and_cheap(world))
    answer = await ask(caller, experiment_id, users_of(experiment_id, "test", 1)[0])
    before = (await send(caller, "GET", f"/experiments/{experiment_id}/results"))[1]

    rating = {"request_id": answer["request_id"], "quality_score": 4, "is_correct": True}
    assert (await send(caller, "POST", "/feedback", rating))[1]["linked"] is True
    after = (await send(caller, "GET", f"/experiments/{experiment_id}/results"))[1]

    assert (before["test_avg_quality"], after["test_avg_quality"], after["control_avg_quality"]) == (None, 4, None)


async def test_experiments_that_cannot_be_joined_say_why(world: World) -> None:
    policy = dear_and_cheap(world)
    caller, stranger = world.caller(scopes=["admin"]), world.caller()
    experiment_id = await begin(caller, policy)
    body = {"prompt": CODE, "experiment_id": experiment_id}

    nameless = await send(caller, "POST", "/complete", body)
    unknown = await send(caller, "POST", "/complete", {**body, "experiment_id": 999_999, "user_id": "u"})
    foreign = await send(stranger, "POST", "/complete", {**body, "user_id": "u"})

    assert nameless == (400, {"detail": "user_id required when experiment_id is specified"})
    assert unknown == foreign == (404, {"detail": "Experiment not found"})
    assert LedgerEntry.objects.count() == 0


async def test_share_of_a_teams_traffic_joins_by_itself(world: World) -> None:
    policy = dear_and_cheap(world)
    caller, stranger = world.caller(scopes=["admin"]), world.caller()
    experiment_id = await begin(caller, policy, traffic_percent=50)
    users = [f"user-{number}" for number in range(40)]
    inside = {user for user in users if traffic_split.is_in_traffic(experiment_id, user, 50)}

    for user in users:
        reply = await caller.ask("auto", prompt=CODE, user=user)
        expected = traffic_split.arm(experiment_id, user, HALVES) if user in inside else None
        assert reply.headers.get("x-optimizer-experiment-arm") == expected
    await caller.ask("cheap", prompt=CODE, user=min(inside))
    await stranger.ask("auto", prompt=CODE, user=min(inside))
    _, results = await send(caller, "GET", f"/experiments/{experiment_id}/results")

    assert 10 <= len(inside) <= 30
    assert results["control_count"] + results["test_count"] == len(inside)
    assert sum(results["health"]["units"].values()) == len(inside)


async def test_failed_requests_stay_in_their_arm_and_count(world: World) -> None:
    provider = world.provider()
    row = factories.language_model(provider, "broken", upstream_name="500", max_output_tokens=100)
    factories.price(row, "1", "1")
    caller = world.caller(scopes=["admin"])
    experiment_id = await begin(caller, "hybrid", test_strategy="complexity")
    body = {"prompt": CODE, "experiment_id": experiment_id, "user_id": "u"}

    status, _ = await send(caller, "POST", "/complete", body)
    _, results = await send(caller, "GET", f"/experiments/{experiment_id}/results")

    arm = traffic_split.arm(experiment_id, "u", HALVES)
    assert status >= 500
    assert (results[f"{arm}_count"], results[f"{arm}_error_rate"]) == (1, 1.0)
