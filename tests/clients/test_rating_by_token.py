"""An answer comes with what lets a browser rate it, and nothing more."""

from typing import Any

import pytest

from feedback.models import ResponseFeedback
from tests.clients.conftest import ORIGIN
from tests.flow.client import Caller, World


async def rate(caller: Caller, token: str) -> tuple[int, Any, Any]:
    """Rate as a page of an allowed origin does: without a key."""
    rating = {"token": token, "quality_score": 4, "is_correct": True}
    url = f"{caller.gateway.url}/feedback"
    async with caller.session.post(url, json=rating, headers={"Origin": ORIGIN}) as response:
        return response.status, response.headers, await response.json()


@pytest.mark.parametrize("stream", [False, True])
async def test_answer_is_rated_with_the_token_it_came_with(world: World, stream: bool) -> None:
    model = world.model()
    caller = world.caller()
    served = await caller.ask(model, stream=stream, user="ann")

    status, headers, answer = await rate(caller, served.headers["x-optimizer-feedback-token"])

    assert (status, headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert (answer["request_id"], answer["linked"]) == (served.request_id, True)
    assert ResponseFeedback.objects.values_list("team", "user_id", "served_model").get() == (
        caller.team.id,
        "ann",
        "ok",
    )


async def test_repeated_answer_comes_with_a_token_of_the_first(world: World) -> None:
    model = world.model()
    caller = world.caller()
    first, again = [await caller.ask(model, headers={"Idempotency-Key": "order-7"}) for _ in range(2)]

    _, _, answer = await rate(caller, again.headers["x-optimizer-feedback-token"])

    assert answer["request_id"] == first.request_id


async def test_refused_request_comes_without_a_token(world: World) -> None:
    reply = await world.caller().ask("no-such-model")

    assert (reply.status, "x-optimizer-feedback-token" in reply.headers) == (404, False)
