"""Mixed load at a steady rate: completions good and bad, hang-ups, ratings, reports, and viewers of live metrics."""

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp

from faults import load
from faults.direct import connector
from faults.load import Client
from faults.stack import Stack

_GOOD = ("ok",) * 12 + ("auto", "auto:complexity") * 2 + ("slow_ok_300", "missing_usage")
_BAD = ("429", "500", "503_then_ok", "cut_mid", "error_event_mid", "malformed_json", "no_done")
_REPORTS = ("/routing/metrics?days=7", "/stats", "/v1/models", "/providers", "/cache/stats", "/health/ready")
# How often each kind of request comes.
_WEIGHTS = {"good": 74, "bad": 4, "hang-up": 2, "rating": 12, "report": 8}
VIEWERS = 4
_VIEWED_SECONDS = 12.0
_MOST_UNDER_WAY = 400
_KEPT_FOR_RATING = 2_000


@dataclass
class Traffic:
    """Asks ``rate`` times a second until ``stop``; ``told`` counts how each kind of request was answered."""

    stack: Stack
    rate: float
    seed: int
    told: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _answered: deque[tuple[Client, str]] = field(default_factory=lambda: deque(maxlen=_KEPT_FOR_RATING))

    @property
    def under_way(self) -> int:
        """Requests that have been sent and not been answered."""
        return len(self._under_way)

    async def run(self, seconds: float, say: Callable[[int, float], None]) -> None:
        """Keep asking for so long; ``say`` is told the count of requests and the seconds, now and then."""
        rng = random.Random(self.seed)
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        timeout = aiohttp.ClientTimeout(total=load.LONGEST_SECONDS)
        async with aiohttp.ClientSession(connector=connector(), timeout=timeout) as session:
            viewers = [asyncio.create_task(self._view(session, number)) for number in range(VIEWERS)]
            number = 0
            while (elapsed := loop.time() - began_at) < seconds:
                await asyncio.sleep(max(0.0, number / self.rate - elapsed))
                number += 1
                if len(self._under_way) >= _MOST_UNDER_WAY:
                    # A machine that cannot keep up is not made to keep ever more open.
                    self.left_out += 1
                    continue
                task = asyncio.create_task(self._one(session, random.Random(rng.random())))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                if number % 500 == 0:
                    say(number, elapsed)
            await asyncio.gather(*self._under_way)
            for viewer in viewers:
                viewer.cancel()
            await asyncio.gather(*viewers, return_exceptions=True)

    async def _one(self, session: aiohttp.ClientSession, rng: random.Random) -> None:
        kind = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        client, url = rng.choice(self.stack.clients), rng.choice(self.stack.urls)
        ways: dict[str, Callable[[], Awaitable[str]]] = {
            "good": lambda: self._complete(session, url, client, rng, _GOOD),
            "bad": lambda: self._complete(session, url, client, rng, _BAD),
            "hang-up": lambda: self._complete(
                session, url, client, rng, ("slow_ok_300",), hang_up_after=rng.random() / 4
            ),
            "rating": lambda: self._rate(session, url, rng),
            "report": lambda: self._read(session, url + rng.choice(_REPORTS), client),
        }
        self.told[f"{kind}: {await ways[kind]()}"] += 1

    async def _complete(
        self,
        session: aiohttp.ClientSession,
        url: str,
        client: Client,
        rng: random.Random,
        models: tuple[str, ...],
        *,
        hang_up_after: float | None = None,
    ) -> str:
        seen = await load.ask(
            session,
            url,
            client,
            model=rng.choice(models),
            is_stream=rng.random() < 0.5,
            idempotency_key=str(rng.getrandbits(64)) if rng.random() < 0.1 else "",
            nonce=str(rng.getrandbits(64)),
            hang_up_after=hang_up_after,
        )
        if seen.is_whole:
            self._answered.append((client, seen.request_id))
        return str(seen.status or "cut")

    async def _rate(self, session: aiohttp.ClientSession, url: str, rng: random.Random) -> str:
        if not self._answered:
            return "nothing to rate yet"
        client, request_id = rng.choice(self._answered)
        body = {"request_id": request_id, "quality_score": rng.randint(1, 5), "is_correct": rng.random() < 0.8}
        body["user_id"] = f"person-{rng.randint(1, 200)}"
        return await _status(session, "POST", f"{url}/feedback", client, json=body)

    async def _read(self, session: aiohttp.ClientSession, url: str, client: Client) -> str:
        return await _status(session, "GET", url, client)

    async def _view(self, session: aiohttp.ClientSession, number: int) -> None:
        """Look at live metrics for a while, leave, and come back."""
        client = self.stack.clients[number % len(self.stack.clients)]
        headers = {"Authorization": f"Bearer {client.secret}"}
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError):
                url = self.stack.urls[number % len(self.stack.urls)]
                async with session.ws_connect(f"{url}/metrics/live", headers=headers) as socket:
                    async with asyncio.timeout(_VIEWED_SECONDS):
                        async for message in socket:
                            self.told[f"live: {json.loads(message.data).get('type', '')}"] += 1
            await asyncio.sleep(1.0)


async def _status(session: aiohttp.ClientSession, method: str, url: str, client: Client, **body: object) -> str:
    try:
        headers = {"Authorization": f"Bearer {client.secret}"}
        async with session.request(method, url, headers=headers, **body) as response:  # type: ignore[arg-type]
            await response.read()
            return str(response.status)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return "cut"
