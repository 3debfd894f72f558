"""The fake provider's books are what the ledger is later held against, so they are tested themselves."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from routing.providers.base import ProviderConfig
from routing.providers.http_client import HttpClient
from routing.providers.openai_compatible import OpenAICompatible
from tests.fake_upstream import tally
from tests.fake_upstream.running import FakeUpstream
from tests.routing.providers.conftest import MakeCall


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as running:
        yield running


async def test_command_prints_its_port_and_writes_its_tally(
    client: HttpClient, session: aiohttp.ClientSession, make_call: MakeCall, tmp_path: Path
) -> None:
    path = tmp_path / "tally.jsonl"
    command = [sys.executable, "-m", "tests.fake_upstream", "--port", "0", "--tally", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220 - lasts as the test
        assert process.stdout is not None
        port = int(process.stdout.readline())
        config = ProviderConfig("fake", "openai_compatible", f"http://127.0.0.1:{port}/v1")
        await OpenAICompatible().complete(client, config, make_call("ok", max_tokens=2))
        async with session.get(f"http://127.0.0.1:{port}/v1/models") as response:
            models = await response.json()
        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(timeout=10)

    assert exit_code == 0
    assert {"id": "stall_mid", "object": "model"} in models["data"]
    (exchange,) = tally.read(path)
    assert (exchange.attempt_id, exchange.fault, exchange.usage) == ("attempt-1", "ok", "reported")
    assert (exchange.prompt_tokens, exchange.completion_tokens) == (5, 2)
    assert (exchange.is_billed, exchange.is_complete) == (True, True)


async def test_refused_exchange_is_in_the_books_at_no_cost(
    session: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    body = {"model": "429_retry_after:9", "messages": []}
    async with session.post(f"{upstream.base_url}/chat/completions", json=body) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "9")

    (exchange,) = upstream.exchanges()
    assert (exchange.is_billed, exchange.prompt_tokens, exchange.completion_tokens) == (False, 0, 0)


async def test_real_model_name_is_served_and_echo_repeats_the_question(
    session: aiohttp.ClientSession, upstream: FakeUpstream
) -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    for model, content in (("vendor/gpt-5", "vendor/gpt-5: the answer is four"), ("vendor/echo", "a")):
        body = {"model": model, "messages": messages}
        async with session.post(f"{upstream.base_url}/chat/completions", json=body) as response:
            answer = await response.json()
        assert answer["choices"][0]["message"]["content"] == content
