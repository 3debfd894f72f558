"""The processes of docker-compose.yml on this machine, without containers: same commands, same environment.

Only what a container would bring differs: host names, ports and folders. PostgreSQL speaks TLS by the same scripts, and
the application runs from copies of the files that would be in the image.
"""

import json
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.drill import compose, image
from benchmarks.drill.compose import Service
from benchmarks.processes import DidNotStart, tree
from tests.services import free_port, postgres_binary, redis_binary

ROOT = image.ROOT
WEB = ("web-a", "web-b")
# In the order of scripts/shutdown.sh.
STOP_ORDER = ("nginx", "web-a", "web-b", "beat", "worker", "redis", "postgres")
START_SECONDS = 90.0


@dataclass
class Running:
    """One process of the stack, with all it has started."""

    service: Service
    process: subprocess.Popen[bytes]
    release: Path
    started_at: float


@dataclass
class Stack:
    """Everything in one folder; ``start`` and ``stop`` take the names of the compose file."""

    folder: Path
    running: dict[str, Running] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = {name: free_port() for name in ("postgres", "redis", "nginx", "redirect", *WEB)}
        self.variables = {
            "SECRET_KEY": secrets.token_urlsafe(64),
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "POSTGRES_PASSWORD": secrets.token_urlsafe(16),
            "REDIS_PASSWORD": secrets.token_hex(16),
        }
        self.services = compose.services(ROOT / "docker-compose.yml", self.variables)
        self.folder.chmod(0o755)
        for name in ("authority", "data", "logs", "backups", "releases"):
            (self.folder / name).mkdir()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.ports['nginx']}"

    def tls(self) -> ssl.SSLContext:
        """Return what a client needs to trust nginx's certificate."""
        return ssl.create_default_context(cafile=str(self.folder / "nginx" / "tls" / "ca.crt"))

    def libpq(self) -> dict[str, str]:
        """Return the variables by which the scripts reach the database, over TLS."""
        backup = self.services["backup"].environment
        return plain() | {
            **{name: value for name, value in backup.items() if name.startswith("PG")},
            "PGHOST": "localhost",
            "PGPORT": str(self.ports["postgres"]),
            "PGSSLROOTCERT": str(self.folder / "authority" / "ca.crt"),
            "PATH": f"{Path(postgres_binary('psql')).parent}:{os.environ['PATH']}",
        }

    def release(self, version: str) -> Path:
        """Make the folder of one release, as its image would hold it."""
        target = self.folder / "releases" / version
        target.mkdir()
        image.copy(target, version)
        return target

    def environment(self, name: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a service's environment with this machine's addresses in the place of the containers'."""
        declared = dict(self.services[name].environment)
        here = {
            "POSTGRES_HOST": "localhost",
            "POSTGRES_PORT": str(self.ports["postgres"]),
            "POSTGRES_SSLROOTCERT": str(self.folder / "authority" / "ca.crt"),
            "REDIS_URL": declared.get("REDIS_URL", "").replace("@redis:6379", f"@127.0.0.1:{self.ports['redis']}"),
            "DATA_DIR": str(self.folder / "data"),
        }
        # One processor does what several have in production; each replica needs no more than one process here.
        return plain() | declared | here | {"WEB_CONCURRENCY": "1", "LOG_LEVEL": "WARNING", **(extra or {})}

    def run_once(self, name: str, release: Path) -> str:
        """Run a one-shot service to its end; returns what it wrote. Raises DidNotStart when it fails."""
        done = subprocess.run(
            self._command(name), env=self.environment(name), cwd=release, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DidNotStart(f"{name} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
        return done.stdout

    def run_module(self, module: str, *arguments: str) -> str:
        """Run a module of this repository with the web service's environment; returns its last line."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self.environment("web-a", {"DJANGO_SETTINGS_MODULE": "optimizer_project.settings"}),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DidNotStart(f"{module} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return done.stdout.strip().splitlines()[-1]

    def start(self, name: str, release: Path) -> None:
        """Start a service and wait until it is healthy, as compose does. Raises DidNotStart."""
        service = self.services[name]
        with (self.folder / "logs" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._command(name),
                env=self._process_environment(name),
                cwd=release if name not in ("postgres", "redis", "nginx") else self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running[name] = Running(service, process, release, time.monotonic())
        deadline = time.monotonic() + START_SECONDS
        while not self._is_healthy(name):
            if process.poll() is not None or time.monotonic() > deadline:
                raise DidNotStart(f"{name} did not start:\n{self.log(name)[-3000:]}")
            time.sleep(0.05)

    def stop(self, name: str) -> tuple[int, float]:
        """Stop a service as compose does: its signal, its time, then a kill; returns exit code and seconds."""
        running = self.running.pop(name)
        began = time.monotonic()
        running.process.send_signal(signal.Signals[running.service.stop_signal])
        try:
            code = running.process.wait(running.service.stop_seconds)
        except subprocess.TimeoutExpired:
            self._kill_all(running)
            return -signal.SIGKILL, time.monotonic() - began
        return code, time.monotonic() - began

    def revive(self) -> list[str]:
        """Start again what has ended by itself, as `restart: unless-stopped` does; returns what that was."""
        ended = {name: each for name, each in list(self.running.items()) if each.process.poll() is not None}
        for name, each in ended.items():
            self.start(name, each.release)
        return [f"{name} ended with {each.process.returncode} and was started again" for name, each in ended.items()]

    def kill(self, name: str) -> Path:
        """End a service and all it has started at once, as when its container dies; returns its release."""
        running = self.running.pop(name)
        self._kill_all(running)
        return running.release

    def log(self, name: str) -> str:
        return (self.folder / "logs" / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        for name in list(self.running):
            self._kill_all(self.running.pop(name))

    def prepare_stores(self) -> None:
        """Make a database cluster as the image does on first use, and nginx's folder."""
        data = self.folder / "postgres"
        password = self.folder / "password"
        password.write_text(self.variables["POSTGRES_PASSWORD"])
        data.mkdir()
        owner = self._owner()
        for path in (data, password):
            if owner:
                shutil.chown(path, owner, owner)
        command = [postgres_binary("initdb"), "-D", str(data), "-U", "optimizer", "-A", "scram-sha-256"]
        command += ["--pwfile", str(password), "-E", "UTF8", "--locale=C"]
        subprocess.run(command, check=True, capture_output=True, user=owner, group=owner, cwd=self.folder)
        self._write_entrypoint(data)
        self._write_nginx()

    def _command(self, name: str) -> Sequence[str]:
        if name == "postgres":
            port = str(self.ports["postgres"])
            listening = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
            return [str(ROOT / "deploy" / "postgres" / "start.sh"), *listening]
        if name == "nginx":
            return ["nginx", "-p", str(self.folder / "nginx"), "-c", "nginx.conf", *self.services[name].command[1:]]
        command = list(self.services[name].command)
        if name == "redis":
            own = ["--port", str(self.ports["redis"]), "--bind", "127.0.0.1", "--dir", str(self.folder)]
            return [redis_binary(), *command[1:], *own]
        if command[0] == "python":
            return [sys.executable, *command[1:]]
        if name in WEB:
            command = [{"0.0.0.0": "127.0.0.1", "8000": str(self.ports[name])}.get(part, part) for part in command]
        return [sys.executable, "-m", *command]

    def _process_environment(self, name: str) -> dict[str, str]:
        if name == "postgres":
            folders = {"TLS_DIR": str(self.folder / "tls"), "AUTHORITY_DIR": str(self.folder / "authority")}
            return plain() | folders | {"TLS_HOST": "localhost", "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        if name in ("redis", "nginx"):
            return plain()
        return self.environment(name)

    def _is_healthy(self, name: str) -> bool:
        if name == "postgres":
            check = [postgres_binary("pg_isready"), "-q", "-h", "localhost", "-p", str(self.ports["postgres"])]
            return subprocess.run(check, check=False).returncode == 0
        if name == "redis":
            return _answers(self.ports["redis"], b"PING\r\n")
        if name == "nginx":
            return _status(self.ports["redirect"], "/nginx-health") == 200
        if name in WEB:
            return _status(self.ports[name], "/health/readiness") == 200
        # The others have no check in the file either.
        return True

    def _write_entrypoint(self, data: Path) -> None:
        """Put the image's own entry point in place: it becomes the database's user and runs the server."""
        owner = self._owner()
        as_user = f"setpriv --reuid {owner} --regid {owner} --clear-groups " if owner else ""
        (self.folder / "bin").mkdir()
        script = self.folder / "bin" / "docker-entrypoint.sh"
        script.write_text(f'#!/bin/sh\nshift\nexec {as_user}{postgres_binary("postgres")} -D {data} "$@"\n')
        script.chmod(0o755)

    def _write_nginx(self) -> None:
        """Lay nginx's files out as the compose file mounts them; only addresses and folders differ."""
        folder = self.folder / "nginx"
        folder.mkdir()
        shutil.copy("/etc/nginx/mime.types", folder)
        ports = {"listen 8443": f"listen {self.ports['nginx']}", "listen 8080": f"listen {self.ports['redirect']}"}
        ports |= {f"{name}:8000": f"127.0.0.1:{self.ports[name]}" for name in WEB}
        for path in (ROOT / "deploy" / "nginx").glob("*.conf"):
            text = (
                path.read_text().replace("/tmp/", f"{folder}/").replace("$host$request_uri", "$http_host$request_uri")
            )
            for there, here in ports.items():
                text = text.replace(there, here)
            (folder / path.name).write_text(text)
        make = ROOT / "deploy" / "postgres" / "make_certificate.sh"
        subprocess.run([make, folder / "tls", "localhost", "127.0.0.1"], check=True, capture_output=True)

    @staticmethod
    def _owner() -> str | None:
        return "postgres" if os.geteuid() == 0 else None

    @staticmethod
    def _kill_all(running: Running) -> None:
        for pid in tree(running.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        running.process.wait()


def plain() -> dict[str, str]:
    """Return the few variables that any program needs."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}


def health(port: int) -> dict[str, object]:
    """Return what /health says of the replica at this port."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/health", headers={"Host": "localhost"})
    found: dict[str, object] = json.loads(connection.getresponse().read())
    connection.close()
    return found


def _status(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def _answers(port: int, question: bytes) -> bool:
    import socket

    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(question)
            return bool(connection.recv(64))
    except OSError:
        return False
