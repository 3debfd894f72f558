"""Starts servers in process groups of their own and reads what they cost from /proc."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.programs import Endpoint, chat_body

START_SECONDS = 120.0
STOP_SECONDS = 40.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class DidNotStart(Exception):
    """A server ended or gave no good answer in time; the message holds the end of its output."""


class Server:
    """One server with all processes it starts; its output goes to a log file."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log_path: Path, cwd: Path) -> None:
        self._log_path = log_path
        self.started_at = time.monotonic()
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self, endpoint: Endpoint) -> float:
        """Ask for a completion until the first 200; return the seconds since the start. Raises DidNotStart."""
        while time.monotonic() < self.started_at + START_SECONDS:
            if self._process.poll() is not None:
                raise DidNotStart(f"The server ended with {self._process.returncode}:\n{self.log_end()}")
            if _answers(endpoint):
                return time.monotonic() - self.started_at
            time.sleep(0.02)
        raise DidNotStart(f"No answer within {START_SECONDS:.0f} s:\n{self.log_end()}")

    def stop(self) -> None:
        """Ask the server to end, wait for it, and kill what is left of its process group."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def log_end(self) -> str:
        return self._log_path.read_text(errors="replace")[-3000:]


def parent(pid: int) -> int:
    """Return the process id of a process's parent."""
    return int(_stat_fields(pid)[1])


def tree(root: int) -> list[int]:
    """Return the process and all its descendants."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(parent(int(path.name)), []).append(int(path.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """Return the processor time of a process tree, with that of descendants that have ended."""
    ticks = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            ticks += sum(int(field) for field in _stat_fields(pid)[11:15])
    return ticks / _TICKS_PER_SECOND


def memory_mib(root: int) -> list[float]:
    """Return the proportional set size of each process of a tree, in MiB, largest first."""
    sizes = []
    for pid in tree(root):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            sizes.append(next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0))
    return sorted((size / 1024 for size in sizes), reverse=True)


def wait_until_quiet(root: int, limit_seconds: float = 30.0) -> None:
    """Wait until a process tree uses less than a tenth of a core: until every worker of a server is up."""
    ends_at = time.monotonic() + limit_seconds
    while time.monotonic() < ends_at:
        before = cpu_seconds(root)
        time.sleep(1.0)
        if cpu_seconds(root) - before < 0.1:
            return


def post(port: int, path: str, body: str = "", headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Send one request to 127.0.0.1 and return status and body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _answers(endpoint: Endpoint) -> bool:
    headers = dict(header.split(": ", 1) for header in endpoint.headers)
    try:
        return post(endpoint.port, endpoint.path, chat_body(endpoint.model, is_stream=False), headers)[0] == 200
    except (OSError, HTTPException):
        return False


def _stat_fields(pid: int) -> list[str]:
    # The name in parentheses may hold spaces; what follows it begins with the state.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
