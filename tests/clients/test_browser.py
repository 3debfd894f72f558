"""Pages of an allowed origin may call the API, those of any other may not."""

import pytest

from tests.clients.conftest import ORIGIN
from tests.flow.client import World

BOTH = pytest.mark.parametrize("path", ["/v1/chat/completions", "/complete", "/v1/models", "/stats"])


@BOTH
async def test_preflight_allows_what_the_clients_send(world: World, path: str) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-api-key,x-optimizer-task",
    }

    async with world.session.options(f"{world.gateway.url}{path}", headers=asked) as response:
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] == ORIGIN
        allowed = set(response.headers["access-control-allow-headers"].split(", "))

    assert {"authorization", "content-type", "idempotency-key", "x-api-key"} <= allowed
    assert {f"x-optimizer-{name}" for name in ("max-cost-usd", "min-quality", "cache", "session", "task")} <= allowed


async def test_preflight_of_another_origin_allows_nothing(world: World) -> None:
    asked = {"Origin": "https://evil.example.com", "Access-Control-Request-Method": "POST"}

    async with world.session.options(f"{world.gateway.url}/v1/chat/completions", headers=asked) as response:
        assert "access-control-allow-origin" not in response.headers


async def test_answers_and_refusals_can_be_read_by_pages_of_the_allowed_origin(world: World) -> None:
    model = world.model()
    caller = world.caller()

    answer = await caller.ask(model, headers={"Origin": ORIGIN})
    stream = await caller.ask(model, headers={"Origin": ORIGIN}, stream=True)
    refusal = await caller.ask("no-such-model", headers={"Origin": ORIGIN})
    strange = await caller.ask(model, headers={"Origin": "https://evil.example.com"})

    allowed = [reply.headers.get("access-control-allow-origin") for reply in (answer, stream, refusal, strange)]
    assert allowed == [ORIGIN, ORIGIN, ORIGIN, None]
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"x-request-id", "x-optimizer-cost-usd", "x-optimizer-cache"} <= set(exposed)
    assert [reply.headers["vary"] for reply in (answer, strange)] == ["origin", "origin"]


async def test_pages_may_read_when_to_come_back(world: World) -> None:
    model = world.model("500")
    caller = world.caller()

    refusal = await caller.ask(model, headers={"Origin": ORIGIN})

    assert "retry-after" in refusal.headers["access-control-expose-headers"].lower()


async def test_statistics_can_be_read_by_pages_of_the_allowed_origin(world: World) -> None:
    caller = world.caller()
    headers = {"Authorization": f"Bearer {caller.secret}", "Origin": ORIGIN}

    async with caller.session.get(f"{world.gateway.url}/stats", headers=headers) as response:
        assert (response.status, response.headers["access-control-allow-origin"]) == (200, ORIGIN)
