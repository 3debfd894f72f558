"""Shows what viewers of live metrics cost: memory, the spread of a snapshot over them, and questions to the database.

    python -m benchmarks.live [--viewers 1000] [--seconds 20]

One web process on a PostgreSQL and a Redis of its own, first with one idle viewer, then with all of them. Questions are
the transactions that PostgreSQL counts; each query outside a transaction is one. A web process asks some every second
whether anybody watches or not (has the configuration changed?), so the two lines are to be compared with each other.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from websockets.asyncio.client import ClientConnection, connect

from tests.services import free_port, start_postgres, start_redis

ROOT = Path(__file__).resolve().parent.parent
HEADINGS = ("viewers", "connected in, s", "snapshots", "p50 spread, ms", "largest, ms", "questions/s", "memory, MiB")
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What so many viewers saw and cost; the spread is from the first to the last of them, for each snapshot."""

    viewers: int
    connect_seconds: float
    spreads_ms: list[float]
    questions_per_second: float
    memory_mib: float

    @property
    def cells(self) -> tuple[str, ...]:
        return (
            f"{self.viewers:,}",
            f"{self.connect_seconds:.2f}",
            str(len(self.spreads_ms)),
            f"{statistics.median(self.spreads_ms):.1f}",
            f"{max(self.spreads_ms):.1f}",
            f"{self.questions_per_second:.1f}",
            f"{self.memory_mib:.0f}",
        )


def main() -> int:
    options = _options()
    with ExitStack() as stack:
        database = stack.enter_context(start_postgres())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="live-"))
        environment = {
            **os.environ,
            "DATABASE_URL": database,
            "REDIS_URL": stack.enter_context(start_redis()),
            "DATA_DIR": folder,
            "SECRET_KEY": "only-for-benchmarks-" * 3,
        }
        key = _set_up(environment)
        port = free_port()
        web = _start(environment, port, Path(folder))
        try:
            samples = [
                asyncio.run(_measure(count, options.seconds, port, key, database, web.pid))
                for count in (1, options.viewers)
            ]
        finally:
            web.terminate()
            web.wait(30)
    lines = [HEADINGS, ("---:",) * len(HEADINGS), *(sample.cells for sample in samples)]
    print("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__.partition("\n")[0])
    parser.add_argument("--viewers", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=20.0, help="of watching (default: %(default)s)")
    return parser.parse_args()


def _set_up(environment: dict[str, str]) -> str:
    command = [sys.executable, "manage.py", "optimizer", "setup", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return str(json.loads(done.stdout)["api_key"])


def _start(environment: dict[str, str], port: int, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "uvicorn", "optimizer_project.asgi:application", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "optimizer_project.http_protocol:BoundedHttpProtocol"]
    command += ["--no-access-log", "--log-level", "warning", "--ws-max-size", "16384", "--backlog", "4096"]
    with (folder / "web.log").open("wb") as output:
        web = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port):
        if web.poll() is not None or time.monotonic() > deadline:
            raise SystemExit((folder / "web.log").read_text())
        time.sleep(0.1)
    return web


def _answers(port: int) -> bool:
    command = ["curl", "--silent", "--fail", "--output", os.devnull, f"http://127.0.0.1:{port}/health/readiness"]
    return subprocess.run(command, check=False).returncode == 0


async def _measure(count: int, seconds: float, port: int, key: str, database: str, pid: int) -> Sample:
    started = time.monotonic()
    sockets = await asyncio.gather(*(_open(port, key) for _ in range(count)))
    connected = time.monotonic() - started
    # The first snapshot of each viewer is its own welcome.
    await asyncio.gather(*(socket.recv() for socket in sockets))
    before, since = _transactions(database), time.monotonic()
    arrivals: dict[str, list[float]] = defaultdict(list)
    await asyncio.gather(*(_watch(socket, since + seconds, arrivals) for socket in sockets))
    questions = (_transactions(database) - before) / (time.monotonic() - since)
    memory = _memory_mib(pid)
    await asyncio.gather(*(socket.close() for socket in sockets))
    complete = [times for times in arrivals.values() if len(times) == count]
    if not complete:
        raise SystemExit(f"No snapshot reached all {count} viewers within {seconds:.0f} s.")
    return Sample(count, connected, [(max(times) - min(times)) * 1000 for times in complete], questions, memory)


async def _open(port: int, key: str) -> ClientConnection:
    headers = {"Authorization": f"Bearer {key}"}
    return await connect(f"ws://127.0.0.1:{port}/metrics/live", additional_headers=headers, open_timeout=60)


async def _watch(socket: ClientConnection, until: float, arrivals: dict[str, list[float]]) -> None:
    while (left := until - time.monotonic()) > 0:
        try:
            message = json.loads(await asyncio.wait_for(socket.recv(), left))
        except TimeoutError:
            return
        if message["type"] == "snapshot":
            arrivals[message["timestamp"]].append(time.monotonic())


def _transactions(database: str) -> int:
    connection = psycopg2.connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
            (count,) = cursor.fetchone() or (0,)
    finally:
        connection.close()
    return int(count)


def _memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
