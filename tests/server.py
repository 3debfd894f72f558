"""The real gateway as a process of its own, on the database of the running test, for tests over real sockets."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from tests.services import free_port

START_SECONDS = 60.0
STOP_SECONDS = 15.0
CONFIGURATION_SECONDS = 10.0


@dataclass
class GatewayProcess:
    """A uvicorn with the gateway; with several workers ``process`` is their supervisor."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    worker_count: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, and to its workers when it has any."""
        os.killpg(self.process.pid, number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(seconds)

    def workers(self) -> list[int]:
        """Return the ids of the processes that serve."""
        children = _children(self.process.pid)
        serving = [child for child in children if b"spawn_main" in _command_line(child)]
        return serving or [self.process.pid]

    def wait_until_it_knows(self, secret: str) -> None:
        """Return once every request can come with this key; nothing is counted and nothing is written meanwhile."""
        # The media type is refused after the key has been checked and before anything else is done.
        request = urllib.request.Request(
            f"{self.url}/v1/chat/completions",
            data=b"{}",
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "text/plain"},
        )
        deadline = time.monotonic() + CONFIGURATION_SECONDS
        while _status(request) != 415:
            if time.monotonic() > deadline:
                raise RuntimeError(f"The gateway does not learn of the key:\n{self.output()}")
            time.sleep(0.02)
        # One worker has answered; the others promise to know within a second.
        time.sleep(1.0 * (self.worker_count > 1))


@contextmanager
def running_gateway(
    folder: Path, *, workers: int = 1, environment: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[GatewayProcess]:
    """Run the gateway on the test database until the block ends.

    Args:
        folder: Takes the output.
        workers: Processes that serve.
        environment: Variables beyond, or other than, those of this process.
        port: Where to listen; a free one unless it is given.
    """
    port = port or free_port()
    log = folder / f"gateway-{port}.log"
    command = [sys.executable, "-m", "uvicorn", "optimizer_project.asgi:application", "--port", str(port)]
    command += ["--http", "optimizer_project.http_protocol:BoundedHttpProtocol", "--loop", "uvloop"]
    command += ["--workers", str(workers), "--no-access-log", "--ws-max-size", "16384"]
    command += ["--timeout-graceful-shutdown", "4"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env={
                **inherited_environment(),
                "DATABASE_URL": database_url(),
                "GATEWAY_DRAIN_SECONDS": "5",
                # Tests ask with a new key until it is known; which of them counts the wrong ones says so itself.
                "WRONG_KEYS_PER_MINUTE": "1000000",
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own, so that its workers can be ended with it.
            start_new_session=True,
        )
    gateway = GatewayProcess(port, process, log, workers)
    try:
        _wait_until_ready(gateway)
        yield gateway
    finally:
        _end(gateway)


def database_url(*, port: int | None = None) -> str:
    """Return the URL of the database that the running test uses, through another ``port`` if one is given."""
    target = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{target['NAME']}"
    return f"postgresql://{target['USER']}@{target['HOST']}:{port or target['PORT']}/{target['NAME']}"


def database_port() -> int:
    return int(connection.settings_dict["PORT"])


def inherited_environment() -> dict[str, str]:
    """Return the environment of this process as a server of the test is to have it."""
    # What lets a test use the ORM beside its event loop must not hide such a use in the gateway.
    return {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}


def _wait_until_ready(gateway: GatewayProcess) -> None:
    request = urllib.request.Request(f"{gateway.url}/health/readiness")
    deadline = time.monotonic() + START_SECONDS
    while _status(request) != 200:
        if gateway.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The gateway did not start:\n{gateway.output()}")
        time.sleep(0.05)


def _end(gateway: GatewayProcess) -> None:
    if gateway.process.poll() is None:
        gateway.process.send_signal(signal.SIGTERM)
        try:
            gateway.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(gateway.process.pid, signal.SIGKILL)
            gateway.process.wait()
    try:
        # Workers whose supervisor was killed are still there.
        os.killpg(gateway.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _status(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code
    except OSError:
        return 0


def _children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
