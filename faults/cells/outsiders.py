"""F and G: ratings said again or of another's request, and every page asked with every key, looking for secrets."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import aiohttp

from faults import load
from faults.cell import Cell
from faults.load import Client, Plan
from faults.stack import PROVIDER_KEY_CANARY, SECRET_KEY, Stack

TIMES = 10
_EXAMPLES = {"integer": "1", "string": "example"}
_QUIET = Plan(models=("ok", "429", "500"), concurrency=6)
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
                status, answer, _ = await _rate(session, stack, client, foreign, key=f"foreign {foreign}")
                if status != 200 or answer.get("linked") is not False:
                    stack.problems.append(f"a rating of another's request was answered {status} {answer}")


async def _rate_again(session: aiohttp.ClientSession, stack: Stack, client: Client, request_id: str) -> None:
    answers = await asyncio.gather(
        *(_rate(session, stack, client, request_id, key="the same", turn=number) for number in range(TIMES))
    )
    kept = {answer.get("feedback_id") for status, answer, _ in answers if status == 200}
    replays = sum(is_replay for _, _, is_replay in answers)
    if len(kept) != 1 or replays < TIMES - 1 - sum(status == 409 for status, _, _ in answers):
        stack.problems.append(f"a rating sent {TIMES} times was answered {[answer[:2] for answer in answers][:3]}")
    status, _, _ = await _rate(session, stack, client, request_id, key="the same", stars=1)
    if status != 422:
        stack.problems.append(f"another rating under the key was answered {status}")


async def _rate(
    session: aiohttp.ClientSession,
    stack: Stack,
    client: Client,
    request_id: str,
    *,
    key: str,
    stars: int = 5,
    turn: int = 0,
) -> tuple[int, dict[str, Any], bool]:
    headers = {"Authorization": f"Bearer {client.secret}", "Idempotency-Key": key}
    body = {"request_id": request_id, "quality_score": stars, "is_correct": True, "user_id": "bob"}
    url = stack.urls[turn % len(stack.urls)]
    async with session.post(f"{url}/feedback", json=body, headers=headers) as response:
        return response.status, await response.json(), "x-optimizer-idempotent-replay" in response.headers


async def ratings_stored_once(stack: Stack) -> None:
    """Of each team there is its own rating once, linked, and two that are linked to nothing."""

    def counts() -> list[tuple[int, bool]]:
        from feedback.models import ResponseFeedback

        return sorted(ResponseFeedback.objects.values_list("team_id", "linked"))

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
