"""F and G: ratings said again or of another's request, and every page asked with every key, looking for secrets."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import aiohttp
from django.db.models import Q

from faults import load, ratings
from faults.cell import Cell
from faults.load import Client, Plan
from faults.ratings import Rated
from faults.stack import PROVIDER_KEY_CANARY, SECRET_KEY, Stack

TIMES = 10
_EXAMPLES = {"integer": "1", "string": "example"}
_QUIET = Plan(models=("ok", "429", "500"), concurrency=6, rated_share=0.0)
_SECONDS = aiohttp.ClientTimeout(total=20)


async def rate_again_and_others(stack: Stack) -> None:
    """Rate one request of each team again and again, those of the next team, and one that there never was."""
    async with aiohttp.ClientSession(timeout=_SECONDS) as session:
        asked = [
            await load.ask(session, stack.urls[0], client, model="ok", nonce="to be rated") for client in stack.clients
        ]
        stack.seen += asked
        ids = [seen.request_id for seen in asked]
        for number, client in enumerate(stack.clients):
            await _rate_again(session, stack, client, ids[number])
            for foreign in (ids[number - 1], str(UUID(int=number))):
                rated = await _rate(session, stack, client, foreign, key=f"foreign {foreign}")
                if rated.status != 200 or rated.answer.get("linked") is not False:
                    stack.problems.append(f"a rating of another's request was answered {rated.status} {rated.answer}")


async def _rate_again(session: aiohttp.ClientSession, stack: Stack, client: Client, request_id: str) -> None:
    answers = await asyncio.gather(
        *(_rate(session, stack, client, request_id, key="the same", turn=number) for number in range(TIMES))
    )
    kept = {rated.feedback_id for rated in answers if rated.status == 200}
    replays = sum(rated.is_replay for rated in answers)
    if len(kept) != 1 or replays < TIMES - 1 - sum(rated.status == 409 for rated in answers):
        stack.problems.append(f"a rating sent {TIMES} times was answered {[rated.status for rated in answers]}")
    other = await _rate(session, stack, client, request_id, key="the same", stars=1)
    if other.status != 422:
        stack.problems.append(f"another rating under the key was answered {other.status}")


async def _rate(
    session: aiohttp.ClientSession,
    stack: Stack,
    client: Client,
    request_id: str,
    *,
    key: str,
    stars: int = 5,
    turn: int = 0,
) -> Rated:
    url = stack.urls[turn % len(stack.urls)]
    given: dict[str, Any] = {"team_id": client.team_id, "request_id": request_id, "key": key, "stars": stars}
    return await ratings.rate(session, url, client.secret, **given)


async def ratings_stored_once(stack: Stack) -> None:
    """Of each team there is its own rating once, linked, and two that are linked to nothing."""

    def counts() -> list[tuple[int, bool]]:
        from feedback.models import ResponseFeedback

        own = ResponseFeedback.objects.filter(Q(session_id="the same") | Q(session_id__startswith="foreign "))
        return sorted(own.values_list("team_id", "linked"))

    stored = await asyncio.to_thread(counts)
    expected = sorted((client.team_id, is_linked) for client in stack.clients for is_linked in (True, False, False))
    if stored != expected:
        stack.problems.append(f"stored ratings by team and link are {stored}")


async def ask_every_page(stack: Stack) -> None:
    """GET every path of the API's schema as nobody, as one team and as another."""
    addresses = await asyncio.to_thread(lambda: list(_addresses()))
    async with aiohttp.ClientSession(timeout=_SECONDS) as session:
        for client in (None, *stack.clients[:2]):
            for address in addresses:
                await _look(session, stack, client, address)


async def _look(session: aiohttp.ClientSession, stack: Stack, client: Client | None, address: str) -> None:
    headers = {"Authorization": f"Bearer {client.secret}"} if client else {}
    async with session.get(stack.urls[0] + address, headers=headers, allow_redirects=False) as response:
        text = f"{response.headers} {await response.text(errors='replace')}"
    who = client.slug if client else "nobody"
    if response.status >= 500 and response.status != 503:
        stack.problems.append(f"GET {address} as {who} was answered {response.status}")
    hidden = [PROVIDER_KEY_CANARY, SECRET_KEY, *(other.secret for other in stack.clients)]
    hidden += [other.canary for other in stack.clients if other is not client]
    if any(word in text for word in hidden):
        stack.problems.append(f"GET {address} as {who} shows a secret")


def _addresses() -> Iterator[str]:
    """Yield each path with examples in place of its parameters, and the pages outside of the schema."""
    from drf_spectacular.generators import SchemaGenerator

    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    for path, methods in schema["paths"].items():
        if "get" in methods:
            yield _filled(path, methods["get"])
    yield from ("/", "/docs", "/openapi.json", "/metrics", "/admin/login/", "/no/such/page")


def _filled(path: str, operation: Mapping[str, Any]) -> str:
    for parameter in operation.get("parameters", ()):
        kind = parameter["schema"]
        example = str(UUID(int=0)) if kind.get("format") == "uuid" else _EXAMPLES.get(kind.get("type", ""), "1")
        path = path.replace(f"{{{parameter['name']}}}", example)
    return path


CELLS = (
    Cell(
        "F2",
        "ratings sent again, and of others' requests",
        _QUIET,
        rate_again_and_others,
        finish=ratings_stored_once,
    ),
    Cell("G3", "every path asked with every key", _QUIET, ask_every_page),
)
