"""Measures what one call to a provider costs our HTTP client and aiohttp, in CPU time of the caller.

Usage: python -m benchmarks.http_client [--help]

Both ask the fake provider of `benchmarks.gateway`, which runs in a process of its own, in turns, on uvloop.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import orjson
import uvloop
from yarl import URL

from benchmarks.targets import Upstream
from routing.providers.http_client import HttpClient

DEADLINE_SECONDS = 60.0
HEADERS = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "Authorization": "Bearer sk-benchmark",
}

Ask = Callable[[], Awaitable[None]]


def ours(client: HttpClient, url: URL, body: bytes) -> Ask:
    loop = asyncio.get_running_loop()

    async def ask() -> None:
        response = await client.request(
            "POST", url, headers=HEADERS, body=body, connect_seconds=5, due_at=loop.time() + DEADLINE_SECONDS
        )
        while await response.read_any():
            pass

    return ask


def theirs(session: aiohttp.ClientSession, url: URL, body: bytes) -> Ask:
    async def ask() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            async with session.post(url, data=body, headers=HEADERS) as response:
                while await response.content.readany():
                    pass

    return ask


async def microseconds_each(ask: Ask, *, requests: int, at_once: int) -> float:
    """Return the CPU time of this process for each of ``requests``, ``at_once`` of them under way together."""

    async def some() -> None:
        for _ in range(requests // at_once):
            await ask()

    began = time.process_time()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return (time.process_time() - began) / (requests // at_once * at_once) * 1e6


async def measure(url: URL, options: argparse.Namespace) -> None:
    client = HttpClient()
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        for kind, is_stream in (("whole answers", False), ("streams of 20 chunks", True)):
            messages = [{"role": "user", "content": "How many r are in strawberry?"}]
            body = orjson.dumps({"model": "fake", "messages": messages, "stream": is_stream})
            asks = {"ours": ours(client, url, body), f"aiohttp {aiohttp.__version__}": theirs(session, url, body)}
            taken: dict[str, list[float]] = {name: [] for name in asks}
            for round_number in range(options.rounds + 1):
                for name, ask in asks.items():
                    each = await microseconds_each(ask, requests=options.requests, at_once=options.at_once)
                    # The first round opens the connections.
                    if round_number:
                        taken[name].append(each)
            for name, rounds in taken.items():
                middle = statistics.median(rounds)
                print(f"{kind}, {name}: {middle:.0f} ({min(rounds):.0f} to {max(rounds):.0f}) microseconds each")
    await client.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.http_client", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=4000, help="in each round (default 4000)")
    parser.add_argument("--at-once", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-client-") as run_dir:
        upstream = Upstream(Path(run_dir))
        try:
            upstream.start()
            url = URL(f"http://127.0.0.1:{upstream.port}/v1/chat/completions")
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(measure(url, options))
        finally:
            upstream.stop()


if __name__ == "__main__":
    main()
