"""Servers that can be hurt: killed, frozen and started again on the same port with the same data."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg2
import redis

from tests.services import free_port, postgres_binary, redis_binary

START_SECONDS = 60.0
STOP_SECONDS = 20.0


class DidNotStart(Exception):
    """A server ended, or gave no answer in time; the message holds the end of its output."""


class CannotHappenHere(Exception):
    """The fault cannot be brought about on this machine; the message says what is missing."""


class Process:
    """A process group whose output goes to ``log``, one start after the other."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        owner: str | None = None,
    ) -> None:
        self.log = log
        self._command = command
        self._environment = environment
        self._cwd = cwd
        self._owner = owner
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the process was started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, is_ready: Callable[[], bool]) -> None:
        """Start and wait until ``is_ready``; raises DidNotStart."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._cwd,
                user=self._owner,
                group=self._owner,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if not self.is_running or time.monotonic() > deadline:
                raise DidNotStart(f"{self._command[0]} did not start:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the whole group and wait for it."""
        if self._process is not None:
            self.send(signal.SIGKILL, group=True)
            self._process.wait()

    def freeze(self) -> None:
        """Stop the process and its children, which may be no members of its group (PostgreSQL's are not)."""
        self._send_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send_all(signal.SIGCONT)

    def _send_all(self, number: signal.Signals) -> None:
        # First its own, so that it has no more children meanwhile.
        for pid in (self.pid, *_children(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask the process to end, kill what does not, and return its exit code."""
        if self._process is None:
            return 0
        self.thaw()
        self.send(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()
        return self._process.returncode


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


class Postgres:
    """A PostgreSQL cluster of its own, durable as in production; ``template`` is a data folder to begin with."""

    def __init__(self, folder: Path, port: int, template: Path | None = None) -> None:
        self.port = port
        self.data = folder / "postgres"
        self._owner = "postgres" if os.geteuid() == 0 else None
        if template is None:
            self._initialize(folder)
        else:
            subprocess.run(["cp", "-a", str(template), str(self.data)], check=True)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "on",
            "max_connections": "200",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.process = Process(
            [postgres_binary("postgres"), "-D", str(self.data), *settings],
            log=folder / "postgres.log",
            cwd=self.data,
            owner=self._owner,
        )

    @property
    def url(self) -> str:
        return f"postgresql://optimizer@127.0.0.1:{self.port}/optimizer"

    def start(self) -> None:
        # A postmaster that was killed leaves its lock behind.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.process.start(self._answers)

    def stop(self) -> None:
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
        self.process.stop(signal.SIGINT)

    def connect(self) -> Any:
        """Return a connection in which every statement stands alone; raises psycopg2.Error, which all of it may."""
        # Without a limit, a frozen server would hold its caller for as long as it likes.
        connection = psycopg2.connect(self.url, connect_timeout=1, options="-c statement_timeout=2000")
        connection.autocommit = True
        return connection

    def dump(self) -> str:
        """Return all that is stored, as text."""
        command = [postgres_binary("pg_dump"), "--inserts", "--data-only", self.url]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _initialize(self, folder: Path) -> None:
        folder.chmod(0o755)
        self.data.mkdir()
        if self._owner:
            shutil.chown(self.data, self._owner, self._owner)
        subprocess.run(
            [postgres_binary("initdb"), "-D", self.data, "-U", "optimizer", "-A", "trust", "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            user=self._owner,
            group=self._owner,
            cwd=self.data,
        )

    def _answers(self) -> bool:
        try:
            psycopg2.connect(f"{self.url.rpartition('/')[0]}/postgres", connect_timeout=1).close()
        except psycopg2.OperationalError:
            return False
        return True


class Sqlite:
    """A database of one file, in the place of a server; ``template`` is a migrated one to begin with."""

    def __init__(self, path: Path, template: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(template, path)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def start(self) -> None:
        """Nothing has to be started."""

    def stop(self) -> None:
        """Nothing has to be stopped."""

    def connect(self) -> Any:
        """Return a connection in which every statement stands alone; raises sqlite3.Error, which all of it may."""
        return sqlite3.connect(self.path, timeout=2, isolation_level=None, check_same_thread=False)

    def dump(self) -> str:
        """Return all that is stored, as text."""
        with contextlib.closing(self.connect()) as connection:
            return "\n".join(connection.iterdump())


class Redis:
    """A Redis server that keeps nothing."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        own = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(folder),
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self.process = Process([redis_binary(), *own, *options], log=folder / "redis.log")

    @property
    def client(self) -> "redis.Redis":
        return redis.Redis(port=self.port, socket_timeout=2)

    def start(self) -> None:
        self.process.start(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False
