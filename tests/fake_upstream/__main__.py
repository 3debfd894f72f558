"""``python -m tests.fake_upstream --port 0 --tally FILE``: a fake provider on its own, until it is terminated."""

import argparse
import asyncio
import signal
from pathlib import Path

from tests.fake_upstream.faults import Pace
from tests.fake_upstream.replies import DEFAULT_TEXT
from tests.fake_upstream.server import Upstream, serve


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_upstream", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the port is printed either way")
    parser.add_argument("--tally", type=Path, help="JSON lines file to append every exchange to")
    parser.add_argument("--text", default=DEFAULT_TEXT, help="what the model says after its name")
    parser.add_argument("--slow-first-seconds", type=float, default=Pace.slow_first)
    parser.add_argument("--slow-chunk-seconds", type=float, default=Pace.slow_chunk)
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    pace = Pace(arguments.slow_first_seconds, arguments.slow_chunk_seconds)
    upstream = Upstream(arguments.tally, arguments.text, pace)
    runner, port = await serve(upstream, arguments.host, arguments.port)
    print(port, flush=True)  # noqa: T201 - the port is this command's output
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await runner.cleanup()
    upstream.tally.close()


if __name__ == "__main__":
    asyncio.run(_run(_arguments()))
