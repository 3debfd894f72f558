"""Clients that keep asking through nginx, and what became of each of their requests."""

import asyncio
import contextlib
import json
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import aiohttp

CLIENTS = 16
# The model named `slow` takes two seconds for a stream, so that restarts meet streams that are open.
MODELS = ("small", "large", "slow")
ANSWERED, REFUSED, BROKEN = "answered", "refused", "broken"
_PAUSE_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0


@dataclass
class Load:
    """Runs between ``start`` and ``stop``; ``since`` returns the outcomes since it was asked last."""

    url: str
    secret: str
    tls: ssl.SSLContext
    answered_ids: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    streamed_seconds: list[float] = field(default_factory=list)
    _outcomes: Counter[str] = field(default_factory=Counter)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _is_stopping: bool = False

    def start(self) -> None:
        self._is_stopping = False
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(CLIENTS)]

    async def stop(self) -> None:
        """Let every client end the request it is in."""
        self._is_stopping = True
        await asyncio.gather(*self._tasks)

    def since(self) -> Counter[str]:
        found, self._outcomes = self._outcomes, Counter()
        return found

    async def go_on(self, seconds: float) -> bool:
        """Let the load go on for so long, and longer until every client may have had an answer; false if none comes."""
        began = time.monotonic()
        before = self._outcomes[ANSWERED]
        await asyncio.sleep(seconds)
        while self._outcomes[ANSWERED] - before < CLIENTS:
            if time.monotonic() - began > seconds + _PATIENCE_SECONDS:
                return False
            await asyncio.sleep(0.1)
        return True

    async def _client(self, number: int) -> None:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self.tls), timeout=aiohttp.ClientTimeout(total=60)
        ) as session:
            for turn in count():
                if self._is_stopping:
                    return
                outcome = await self._ask(session, number, turn)
                self._outcomes[outcome] += 1
                if outcome != ANSWERED:
                    await asyncio.sleep(0.2)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _ask(self, session: aiohttp.ClientSession, number: int, turn: int) -> str:
        model = MODELS[(number + turn) % len(MODELS)]
        is_stream = model == "slow" or turn % 2 == 0
        body = {
            "model": f"fake/{model}",
            "stream": is_stream,
            "max_tokens": 40,
            "messages": [{"role": "user", "content": f"drill {number} {turn}"}],
        }
        headers = {"Authorization": f"Bearer {self.secret}"}
        try:
            async with session.post(f"{self.url}/v1/chat/completions", json=body, headers=headers) as response:
                if response.status != 200:
                    return self._refused(response.status, await response.text())
                began = time.monotonic()
                text = await response.text()
                if is_stream and model == "slow":
                    self.streamed_seconds.append(time.monotonic() - began)
                return self._answered(response.headers["x-request-id"], text, is_stream)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._note(f"{type(error).__name__}: {error}")
            return BROKEN

    def _refused(self, status: int, text: str) -> str:
        self._note(f"{status} {text[:160] if text.startswith('{') else 'from nginx'}")
        # 502 and 504 are nginx's own: the request may have been under way.
        return BROKEN if status in (502, 504) else REFUSED

    def _answered(self, request_id: str, text: str, is_stream: bool) -> str:
        is_whole = text.rstrip().endswith("data: [DONE]") if is_stream else _is_completion(text)
        if not is_whole:
            self._note(f"not a whole answer: {text[-160:]!r}")
            return BROKEN
        self.answered_ids.append(request_id)
        return ANSWERED

    def _note(self, problem: str) -> None:
        if len(self.problems) < 500:
            self.problems.append(problem)


async def first_good_answer(load: Load, *, seconds: float) -> float | None:
    """Return how many seconds it takes until readiness is answered through nginx; None if it takes longer."""
    started = time.monotonic()
    connector = aiohttp.TCPConnector(ssl=load.tls)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=3)) as session:
        while time.monotonic() - started < seconds:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with session.get(f"{load.url}/health/readiness") as response:
                    if response.status == 200:
                        return time.monotonic() - started
            await asyncio.sleep(0.1)
    return None


def _is_completion(text: str) -> bool:
    try:
        return bool(json.loads(text)["choices"][0]["message"]["content"])
    except (ValueError, LookupError, TypeError):
        return False
