"""Our own gateway as a target: started as in production, with everything on, on SQLite or PostgreSQL."""

import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.ledger_check import LedgerFacts, problems
from benchmarks.peers import plain_environment
from benchmarks.postgres import PostgresServer
from benchmarks.processes import DidNotStart, Server
from benchmarks.programs import SOURCE_DIR, Endpoint
from benchmarks.targets import WORKERS, Upstream
from tests.services import free_port

_PROJECT_DIR = SOURCE_DIR.parent
SQLITE = "optimizer-sqlite"
POSTGRESQL = "optimizer-postgresql"


class Optimizer:
    """The gateway with authentication, routing (`model: auto`), hard budgets of a day and a month, and the ledger.

    Every ``start`` begins with an empty database. ``note_answers`` is told the good answers of each run, so that
    ``check_ledger`` can compare them with the rows.
    """

    open_loop_rates: tuple[int, ...] = (25, 100)

    def __init__(self, name: str, run_dir: Path, upstream: Upstream) -> None:
        self.name = name
        self._run_dir = run_dir
        self._upstream = upstream
        self._server: Server | None = None
        self._postgres: PostgresServer | None = None
        self._data_dir: Path | None = None
        self._env: dict[str, str] = {}
        self._good_answers = 0
        self.endpoint = Endpoint(0, model="auto")

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None else None

    @property
    def store_pid(self) -> int | None:
        return self._postgres.pid if self._postgres is not None else None

    @property
    def store(self) -> str:
        """What holds the ledger, and how durably."""
        if self._postgres is not None:
            return f"{self._postgres.version}, fsync=on, synchronous_commit=on"
        return "SQLite, journal_mode=WAL, synchronous=FULL"

    def start(self) -> float:
        self._data_dir = Path(tempfile.mkdtemp(prefix="bench-optimizer-"))
        database_url = f"sqlite:///{self._data_dir / 'ledger.sqlite3'}"
        if self.name == POSTGRESQL:
            self._postgres = PostgresServer()
            database_url = self._postgres.url
        self._env = _production_environment(database_url, self._data_dir)
        secret = json.loads(self._run_module("benchmarks.seed", str(self._upstream.port)))["secret"]
        port = free_port()
        self.endpoint = Endpoint(port, model="auto", headers=(f"Authorization: Bearer {secret}",))
        self._server = Server(server_command(port), self._env, self._run_dir / f"{self.name}.log", _PROJECT_DIR)
        seconds = self._server.wait_until_ready(self.endpoint)
        self._good_answers = 1
        return seconds

    def note_answers(self, good_answers: int) -> None:
        self._good_answers += good_answers

    def check_ledger(self) -> tuple[str, list[str]]:
        """End the gateway as a deployment does and compare ledger, budgets and answers.

        Returns:
            The facts in one line, and what is wrong with them.
        """
        self._stop_server()
        facts = LedgerFacts(**json.loads(self._run_module("benchmarks.ledger_check")))
        rows = ", ".join(f"{count} {state}" for state, count in sorted(facts.rows_by_state.items()))
        budgets = "; ".join(
            f"{name} budget spent {amounts['spent']}, reserved {amounts['reserved']}"
            for name, amounts in sorted(facts.budgets.items())
        )
        line = f"{self._good_answers} good answers; rows: {rows}; cost {facts.cost_nano_usd} nano-dollars; {budgets}"
        return line, problems(facts, self._good_answers)

    def stop(self) -> None:
        self._stop_server()
        if self._postgres is not None:
            self._postgres.stop()
            self._postgres = None
        if self._data_dir is not None:
            shutil.rmtree(self._data_dir, ignore_errors=True)
            self._data_dir = None

    def _stop_server(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _run_module(self, module: str, *arguments: str) -> str:
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(
            command, env=self._env, cwd=_PROJECT_DIR, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode != 0:
            raise DidNotStart(f"{module} failed:\n{done.stderr[-3000:]}")
        return done.stdout.strip().splitlines()[-1]


def server_command(port: int) -> list[str]:
    """Return the command of the web process in production, as in the Dockerfile."""
    return [
        *(sys.executable, "-m", "uvicorn", "optimizer_project.asgi:application"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(WORKERS)),
        *("--loop", "uvloop", "--http", "optimizer_project.http_protocol:BoundedHttpProtocol"),
        *("--no-access-log", "--no-server-header", "--no-proxy-headers"),
        *("--timeout-graceful-shutdown", "25", "--log-level", "warning"),
    ]


def _production_environment(database_url: str, data_dir: Path) -> dict[str, str]:
    return plain_environment(
        {
            "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
            "ENVIRONMENT": "production",
            "SECRET_KEY": secrets.token_urlsafe(64),
            "DATABASE_URL": database_url,
            "DATA_DIR": str(data_dir),
            "LOG_LEVEL": "WARNING",
            # No proxy ends TLS before the benchmark, and no Redis is needed by what is measured.
            "SECURE_SSL_REDIRECT": "false",
            "REDIS_URL": "",
        }
    )
