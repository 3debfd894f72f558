from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import pytest

from routing.providers.base import ChatCall, Deadlines, ProviderConfig
from tests.fake_upstream.faults import Pace
from tests.fake_upstream.running import FakeUpstream

KEY = "sk-canary-0123456789abcdef"

# The slow faults of the fake take longer than any of these, the others far less.
PATIENT = Deadlines(connect=2.0, first_token=5.0, between_tokens=5.0, total=10.0)

MakeCall = Callable[..., ChatCall]


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(pace=Pace(slow_first=1.0, slow_chunk=0.3), completion_text="the answer is four") as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as running:
        yield running


@pytest.fixture
def openai(upstream: FakeUpstream) -> ProviderConfig:
    return ProviderConfig("fake", "openai_compatible", upstream.base_url, KEY, PATIENT)


@pytest.fixture
def claude(upstream: FakeUpstream) -> ProviderConfig:
    return ProviderConfig("claude", "anthropic", upstream.origin, KEY, PATIENT)


@pytest.fixture
def make_call() -> MakeCall:
    def make(model: str = "ok", prompt: str = "What is two and two?", **body: Any) -> ChatCall:
        messages = [{"role": "user", "content": prompt}]
        return ChatCall("attempt-1", model, {"model": "auto", "messages": messages, **body})

    return make
