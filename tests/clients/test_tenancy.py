"""What one team does is nowhere to be seen for another."""

from typing import Any

from experiments.services import creation
from experiments.services.creation import Design
from routing.services import database_clock
from tests import admin_rows, factories
from tests.flow.client import Caller, World

CANARY = "canary-7f3a"
SHARED_PROMPT = "Why is the sky blue?"
QUERIES = {
    "/recommendation": {"prompt": "Hello"},
    "/routing/decision": {"prompt": "Hello"},
    "/admin/performance/trends": {"pattern": "code"},
}
SHARED_KEY = {"Idempotency-Key": "order-42"}


async def get(caller: Caller, path: str, **query: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {caller.secret}"}
    async with caller.session.get(f"{caller.gateway.url}{path}", headers=headers, params=query) as response:
        return response.status, await response.text()


async def paths_to_get(caller: Caller, **row_ids: object) -> list[str]:
    """Return every documented path that is read with GET, with the model or the row's id where it wants one."""
    async with caller.session.get(f"{caller.gateway.url}/openapi.json") as response:
        schema: dict[str, Any] = await response.json(content_type=None)
    paths = [path for path, operations in schema["paths"].items() if "get" in operations]
    return [path.format(model_id="echo", **row_ids) for path in paths]


def team_with_everything(name: str) -> Any:
    return factories.team(f"{name}-team", cache_ttl_seconds=600, prompt_retention_days=30)


async def test_no_path_shows_a_team_what_another_one_did(world: World) -> None:
    model = world.model("echo", is_routable=True)
    theirs = world.caller(team_with_everything(CANARY), limit_nano_usd=10**9)
    ours = world.caller(team_with_everything("our"), scopes=["admin"])
    labels = {f"x-optimizer-{name}": f"{CANARY}-{name}" for name in ("task", "session")}

    served = await theirs.ask(model, prompt=f"{CANARY} prompt", user=f"{CANARY}-user", headers=labels)
    said = factories.feedback(theirs.team, ledger_request_id=served.request_id, comment=f"{CANARY} comment")
    design = Design(name=f"{CANARY} experiment", control_strategy="complexity", test_strategy="hybrid")
    tried = creation.create(design, team=theirs.team, actor=CANARY, now=database_clock.now())
    found, reviewed, told = (make(theirs.team) for make in (admin_rows.finding, admin_rows.review, admin_rows.event))
    row_ids = {"feedback_id": said.id, "request_id": served.request_id, "experiment_id": tried.id}
    row_ids |= {"finding_id": found.id, "review_id": reviewed.id, "event_id": told.id}
    paths = await paths_to_get(ours, **row_ids)
    seen = {path: await get(ours, path, **QUERIES.get(path, {})) for path in paths}

    assert served.status == 200
    assert len(seen) >= 10
    assert {path: status for path, (status, _) in seen.items() if status != 200} == {
        f"/feedback/{said.id}": 404,
        f"/routing/decision/{served.request_id}": 404,
        f"/experiments/{tried.id}": 404,
        f"/experiments/{tried.id}/results": 404,
        f"/api/findings/{found.id}": 404,
        f"/api/findings/{found.id}/action": 404,
        f"/api/reviews/{reviewed.id}": 404,
        f"/api/v1/metrics/{told.id}": 404,
        # No worker runs here.
        "/health/jobs": 503,
        # A WebSocket, not a page.
        "/metrics/live": 426,
    }
    forbidden = (CANARY, served.request_id, theirs.key.prefix)
    assert [path for path, (_, body) in seen.items() if any(word in body for word in forbidden)] == []


async def test_statistics_count_the_own_team_only(world: World) -> None:
    model = world.model(is_routable=True)
    theirs, ours = world.caller(), world.caller()
    await theirs.ask(model)
    await theirs.ask(model)
    await ours.ask(model)

    _, stats = await get(ours, "/stats")
    _, metrics = await get(ours, "/routing/metrics")

    assert '"requests":1' in stats
    assert '"total_decisions":1' in metrics


async def test_neither_cache_nor_idempotency_key_crosses_teams(world: World) -> None:
    model = world.model(is_routable=True)
    theirs, ours = world.caller(team_with_everything("their")), world.caller(team_with_everything("our"))
    for caller in (theirs, theirs):
        await caller.ask(model, prompt=SHARED_PROMPT)
        await caller.ask(model, prompt=SHARED_PROMPT, headers=SHARED_KEY)

    plain = await ours.ask(model, prompt=SHARED_PROMPT)
    with_key = await ours.ask(model, prompt=SHARED_PROMPT, headers=SHARED_KEY)

    # Of their four one was answered from the cache and one replayed; ours were both new.
    assert (plain.headers["x-optimizer-cache"], with_key.status) == ("miss", 200)
    assert "x-optimizer-idempotent-replay" not in with_key.headers
    assert len(world.exchanges()) == 4
