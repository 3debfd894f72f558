"""A small client of the gateway, and the rows a flow test needs."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from accounts.models import ApiKey, Budget, Team
from accounts.services import budgets
from routing.models import GatewayInstance, LanguageModel, LedgerEntry, Provider
from routing.services import database_clock
from tests import factories
from tests.fake_upstream.running import FakeUpstream
from tests.fake_upstream.tally import Exchange
from tests.server import GatewayProcess

PROMPT = "Why is the sky blue?"
# The price of every model here: 1,000 and 2,000 nano-dollars a token.
INPUT_NANO_USD, OUTPUT_NANO_USD = 1000, 2000


# Deadlines of a provider whose faults are to be over soon.
IMPATIENT = {"first_token_seconds": 1.0, "between_tokens_seconds": 1.0, "total_seconds": 1.5}
WAIT_SECONDS = 40.0


async def until(is_so: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait until something becomes true; raises TimeoutError when it does not."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]

    def events(self) -> list[Any]:
        """Return the JSON of a stream's events, without ``[DONE]``."""
        data = [line[6:] for line in self.body.decode().split("\n") if line.startswith("data: ")]
        return [json.loads(line) for line in data if line != "[DONE]"]

    @property
    def is_done(self) -> bool:
        return self.body.endswith(b"data: [DONE]\n\n")


@dataclass
class Caller:
    """One key and how to ask with it."""

    gateway: GatewayProcess
    session: aiohttp.ClientSession
    team: Team
    key: ApiKey
    secret: str

    def post(self, model: str, *, prompt: str = PROMPT, headers: dict[str, str] | None = None, **body: Any) -> Any:
        """Begin a chat completion; to be used with ``async with``."""
        return self.session.post(
            f"{self.gateway.url}/v1/chat/completions",
            json={"model": model, "messages": [{"role": "user", "content": prompt}], **body},
            headers={"Authorization": f"Bearer {self.secret}", **(headers or {})},
        )

    async def ask(self, model: str, **arguments: Any) -> Reply:
        async with self.post(model, **arguments) as response:
            body = await response.read()
            return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, body)

    async def ask_at_once(self, count: int, model: str, **arguments: Any) -> list[Reply]:
        return await asyncio.gather(*(self.ask(model, **arguments) for _ in range(count)))


@dataclass
class World:
    """A catalog whose providers are fakes, and teams that may use it."""

    gateway: GatewayProcess
    upstream: FakeUpstream
    session: aiohttp.ClientSession

    def __post_init__(self) -> None:
        self._exchanges_before = len(self.upstream.exchanges())
        self._received_before = self.upstream.received

    def exchanges(self) -> list[Exchange]:
        """Return what the fake provider has done in this test, once it has ended."""
        return self.upstream.exchanges()[self._exchanges_before :]

    async def until_received(self, count: int) -> None:
        """Return once so many requests of this test have reached the fake provider."""
        await until(lambda: self.upstream.received >= self._received_before + count)

    async def kill_a_busy_worker(self) -> GatewayInstance:
        """Kill the worker with the most open requests once there is one, and return it.

        Which worker gets how many connections is the kernel's choice: it may be that one of them gets none.
        """
        open_rows = LedgerEntry.objects.filter(state=LedgerEntry.State.PENDING)
        await until(open_rows.exists)
        busiest = Counter(open_rows.values_list("instance_id", flat=True)).most_common(1)[0][0]
        victim = GatewayInstance.objects.get(id=str(busiest))
        os.kill(victim.pid, signal.SIGKILL)
        return victim

    def provider(self, **fields: Any) -> Provider:
        """Add a provider that is given time; one made with ``**IMPATIENT`` is soon given up."""
        return factories.provider(base_url=self.upstream.base_url, **fields)

    def model(self, fault: str = "ok", *, provider: Provider | None = None, **fields: Any) -> str:
        """Add a priced model that shows a fault, and return the name to ask for it by."""
        row = self.unpriced_model(fault, provider=provider, **fields)
        factories.price(row)
        return str(row)

    def unpriced_model(self, fault: str = "ok", *, provider: Provider | None = None, **fields: Any) -> LanguageModel:
        own = {"canonical_name": "", "is_routable": False, "max_output_tokens": 100}
        return factories.language_model(
            provider or self.provider(), **{**own, "name": fault, "upstream_name": fault, **fields}
        )

    def caller(self, team: Team | None = None, *, limit_nano_usd: int | None = None, **fields: Any) -> Caller:
        """Add a key, of a new team with this hard budget for the day unless a team is given, that the gateway knows."""
        team = team or factories.team()
        if limit_nano_usd is not None:
            self.budget(team, limit_nano_usd)
        key, secret = factories.api_key(team, **fields)
        self.gateway.wait_until_it_knows(secret)
        return Caller(self.gateway, self.session, team, key, secret)

    def budget(self, team: Team, limit_nano_usd: int) -> Budget:
        today = database_clock.now().date()
        return budgets.set_budget(team=team, period="day", limit_nano_usd=limit_nano_usd, today=today)
