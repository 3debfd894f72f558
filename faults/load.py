"""Traffic of several teams, each request followed to its end, and what was seen of it."""

import asyncio
import json
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from faults import ratings
from faults.ratings import Rated

PATH = "/v1/chat/completions"
# Longer than any deadline of the product under the settings of the stack.
LONGEST_SECONDS = 30.0
_TIMES_SLOWER = 10


@dataclass(frozen=True, slots=True)
class Client:
    """A team's key; ``canary`` is in all its prompts and in nobody else's."""

    team_id: int
    slug: str
    secret: str
    canary: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of one request; a ``status`` of None is a connection that was refused or cut."""

    client: Client
    model: str
    is_stream: bool
    began_at: float
    seconds: float
    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str = ""
    idempotency_key: str = ""
    url: str = ""
    nonce: str = ""
    has_hung_up: bool = False
    ratings: tuple[Rated, ...] = ()

    @property
    def told(self) -> str:
        """Return in a few words how it ended, for the table."""
        if self.error or self.status is None:
            return f"{self.model}: {self.error}"
        code = self.body.rpartition(b'"code":"')[2].partition(b'"')[0].decode("utf-8", "replace")
        return f"{self.model}: {self.status} {code if len(code) < 40 else ''}".rstrip()

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")

    @property
    def is_whole(self) -> bool:
        """Whether the client has an answer that looks complete."""
        if self.status != 200 or self.error:
            return False
        return self.body.endswith(b"data: [DONE]\n\n") if self.is_stream else True

    @property
    def is_replay(self) -> bool:
        """Whether the client was given again what it, or another of its team, had been given before."""
        return "x-optimizer-idempotent-replay" in self.headers

    def events(self) -> list[Any]:
        """Return the JSON of a stream's events, without ``[DONE]`` and what a cut stream ends in the middle of."""
        found = []
        for line in self.body.decode("utf-8", "replace").split("\n"):
            if line.startswith("data: ") and line != "data: [DONE]":
                try:
                    found.append(json.loads(line[6:]))
                except ValueError:
                    continue
        return found


@dataclass(frozen=True, slots=True)
class Plan:
    """How to load: which models are asked for (a name as often as it is wanted), by how many at once, for how long.

    Of the requests, ``hang_up_share`` are given up by their client at some moment of their first second; of the whole
    answers, ``rated_share`` are rated.
    """

    models: Sequence[str]
    seconds: float = 12.0
    concurrency: int = 24
    stream_share: float = 0.5
    keyed_share: float = 0.2
    think_seconds: float = 0.05
    hang_up_share: float = 0.0
    rated_share: float = 0.15
    max_tokens: int = 64


def _at_once() -> bool:
    return True


async def run(
    base_urls: Sequence[str], clients: Sequence[Client], plan: Plan, seed: int, is_enough: Callable[[], bool] = _at_once
) -> list[Seen]:
    """Ask until the time is over, then wait for what is under way; every request is returned, in the order begun.

    Args:
        base_urls: They may change meanwhile: each request goes to one that is among them when it begins.
        is_enough: What must be true as well before the time is over; until then fewer are asked.
    """
    ends_at = time.monotonic() + plan.seconds
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=LONGEST_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        workers = (
            _worker(session, base_urls, clients, plan, random.Random(f"{seed}-{number}"), ends_at, is_enough)
            for number in range(plan.concurrency)
        )
        found = [seen for part in await asyncio.gather(*workers) for seen in part]
    return sorted(found, key=lambda seen: seen.began_at)


async def _worker(
    session: aiohttp.ClientSession,
    base_urls: Sequence[str],
    clients: Sequence[Client],
    plan: Plan,
    rng: random.Random,
    ends_at: float,
    is_enough: Callable[[], bool],
) -> list[Seen]:
    found = []
    while (is_early := time.monotonic() < ends_at) or not is_enough():
        client = rng.choice(clients)
        seen = await ask(
            session,
            rng.choice(base_urls),
            client,
            model=rng.choice(plan.models),
            is_stream=rng.random() < plan.stream_share,
            max_tokens=plan.max_tokens,
            idempotency_key=str(uuid.UUID(int=rng.getrandbits(128))) if rng.random() < plan.keyed_share else "",
            nonce=str(rng.getrandbits(64)),
            hang_up_after=rng.random() if rng.random() < plan.hang_up_share else None,
        )
        if seen.is_whole and rng.random() < plan.rated_share:
            stranger = rng.choice(clients)
            asked = (client.team_id, client.secret, seen.request_id)
            rated = await ratings.rate_some(session, base_urls, asked, (stranger.team_id, stranger.secret), rng)
            seen = replace(seen, ratings=tuple(rated))
        found.append(seen)
        await asyncio.sleep(plan.think_seconds * rng.uniform(0.5, 1.5) * (1 if is_early else _TIMES_SLOWER))
    return found


async def ask(
    session: aiohttp.ClientSession,
    base_url: str,
    client: Client,
    *,
    model: str,
    is_stream: bool = False,
    max_tokens: int = 64,
    idempotency_key: str = "",
    nonce: str = "",
    hang_up_after: float | None = None,
    headers: dict[str, str] | None = None,
) -> Seen:
    """Ask once and read the answer to its end; never raises."""
    sent = {"Authorization": f"Bearer {client.secret}", **(headers or {})}
    if idempotency_key:
        sent["Idempotency-Key"] = idempotency_key
    content = f"Say something about {client.canary} {nonce}"
    body = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": max_tokens}
    began_at = time.monotonic()
    status, received, answer, error = None, {}, bytearray(), ""
    has_hung_up = False
    try:
        async with asyncio.timeout(hang_up_after) as patience:
            async with session.post(base_url + PATH, json=body | {"stream": is_stream}, headers=sent) as response:
                status, received = response.status, {name.lower(): value for name, value in response.headers.items()}
                async for block in response.content.iter_any():
                    answer += block
    except (aiohttp.ClientError, TimeoutError, OSError) as caught:
        error = type(caught).__name__
        has_hung_up = patience.expired()
    took = time.monotonic() - began_at
    return Seen(
        client,
        model,
        is_stream,
        began_at,
        took,
        status,
        received,
        bytes(answer),
        error,
        idempotency_key=idempotency_key,
        url=base_url,
        nonce=nonce,
        has_hung_up=has_hung_up,
    )
