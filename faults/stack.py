"""The product as it runs in production, of real processes on servers of its own, behind proxies that can harm them."""

import contextlib
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from faults import clocks
from faults.load import Client, Seen
from faults.servers import Postgres, Process, Redis, Sqlite
from tests.fake_upstream import tally
from tests.fake_upstream.tally import Exchange
from tests.services import free_port
from tests.tcp_proxy import TcpProxy

PROJECT_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "only-for-faults-" * 5
PROVIDER_KEY_CANARY = "sk-canary-of-a-provider-4f9d1c"
# What the gateway may need of a request at most, so that a cell is soon over.
DEADLINES = {"connect_seconds": 1.0, "first_token_seconds": 3.0, "between_tokens_seconds": 3.0, "total_seconds": 12.0}
# The price of every model: 1,000 and 2,000 nano-dollars a token.
INPUT_NANO_USD, OUTPUT_NANO_USD = 1000, 2000
BUDGET_NANO_USD = 10**12


class Web:
    """One replica of the web process."""

    def __init__(self, folder: Path, number: int, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "uvicorn", "optimizer_project.asgi:application", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--http", "optimizer_project.http_protocol:BoundedHttpProtocol"]
        command += ["--loop", "uvloop", "--no-access-log", "--no-server-header", "--ws-max-size", "16384"]
        command += ["--timeout-graceful-shutdown", "10"]
        log = folder / f"web-{number}.log"
        self.process = Process(command, log=log, environment=environment, cwd=PROJECT_DIR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process.start(lambda: self.status("/health/ready") == 200)

    def status(self, path: str, seconds: float = 3.0) -> int:
        """Return the status of a GET, 0 where there is no answer in time."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=seconds) as response:
                return int(response.status)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code
        except OSError:
            return 0


class Stack:
    """Database, Redis, fake provider, two web replicas and, where asked for, worker and beat, while the block lasts."""

    def __init__(
        self,
        folder: Path,
        store: Postgres | Sqlite,
        *,
        has_workers: bool = False,
        redis_options: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        clock_offsets: Sequence[int] = (),
    ) -> None:
        self.folder = folder
        self.store = store
        self.redis = Redis(folder, *redis_options)
        self.clients: list[Client] = []
        self.web: list[Web] = []
        # Where requests go: a replica that is being replaced is taken out, as a balancer does.
        self.urls: list[str] = []
        # What a harm saw itself: requests of its own, what was wrong, and the ports of replicas that it ended.
        self.seen: list[Seen] = []
        self.problems: list[str] = []
        self.killed: set[int] = set()
        # Ports of replicas that the harm keeps from answering, without ending them.
        self.unreachable: set[int] = set()
        # What a harm must undo however the cell ends.
        self.afterwards = contextlib.ExitStack()
        self._has_workers = has_workers
        self._settings = settings or {}
        self._offsets = clock_offsets
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            self._start(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._running, self.afterwards:
            pass

    @property
    def postgres(self) -> Postgres:
        assert isinstance(self.store, Postgres), "the cell runs on PostgreSQL"
        return self.store

    @property
    def logs(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"))

    def exchanges(self) -> list[Exchange]:
        """Return the fake provider's books, as they are on disk."""
        return tally.read(self._tally)

    def _start(self, starting: contextlib.ExitStack) -> None:
        starting.callback(self.store.stop)
        self.store.start()
        starting.callback(self.redis.process.stop)
        self.redis.start()
        if isinstance(self.store, Postgres):
            self.postgres_proxy = starting.enter_context(TcpProxy(self.store.port))
        self.redis_proxy = starting.enter_context(TcpProxy(self.redis.port))
        self._tally = self.folder / "tally.jsonl"
        self._tally.touch()
        self.upstream_port = starting.enter_context(_upstream(self.folder, self._tally))
        self.upstream_proxy = starting.enter_context(TcpProxy(self.upstream_port))
        self.environment = self._environment()
        self.clients = _seed(self.upstream_proxy.port)
        for number in range(2):
            web = Web(self.folder, number, self.environment | self._only_of(number))
            starting.callback(web.process.stop)
            self.web.append(web)
        with ThreadPoolExecutor() as pool:
            # All of it is awaited, and what did not start is raised.
            list(pool.map(Web.start, self.web))
        self.urls += [web.url for web in self.web]
        if self._has_workers:
            self._start_workers(starting)

    def _only_of(self, number: int) -> dict[str, str]:
        offsets = self._offsets
        return clocks.environment(self.folder, self.clock(number), offsets[number]) if offsets else {}

    def clock(self, number: int) -> Path:
        """Return the file that a replica's clock is set by, where the cell has clocks that are wrong."""
        return self.folder / f"clock-{number}"

    def _start_workers(self, starting: contextlib.ExitStack) -> None:
        self.worker = self.celery("worker", "worker", "--concurrency", "1")
        self.beat = self.celery("beat", "beat", "--pidfile=")
        for process, start in ((self.worker, self.start_worker), (self.beat, self.start_beat)):
            starting.callback(process.stop)
            start()

    def celery(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
        """Return a process of Celery's that has not been started, with this besides in its environment."""
        command = [sys.executable, "-m", "celery", "--app", "optimizer_project", *arguments, "--loglevel", "INFO"]
        own = self.environment | dict(environment or {})
        return Process(command, log=self.folder / f"{name}.log", environment=own, cwd=PROJECT_DIR)

    def start_worker(self) -> None:
        """Start the worker, also after it was killed."""
        _start_saying(self.worker, " ready.")

    def start_beat(self, beat: Process | None = None) -> None:
        """Start beat, or another, also after it was killed."""
        _start_saying(beat or self.beat, "beat: Starting")

    def _database_url(self) -> str:
        if isinstance(self.store, Postgres):
            return self.store.url.replace(str(self.store.port), str(self.postgres_proxy.port))
        return self.store.url

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "DJANGO_SETTINGS_MODULE": "optimizer_project.settings",
            "ENVIRONMENT": "production",
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": self._database_url(),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_proxy.port}/0",
            "DATA_DIR": str(self.folder / "data"),
            # No proxy ends TLS before the replicas.
            "SECURE_SSL_REDIRECT": "false",
            "ALLOWED_HOSTS": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **self._settings,
        }


@contextlib.contextmanager
def _upstream(folder: Path, tally_path: Path) -> Iterator[int]:
    """Run the fake provider in a process of its own; yields its port."""
    log = folder / "upstream.log"
    command = [sys.executable, "-m", "tests.fake_upstream", "--tally", str(tally_path)]
    command += ["--slow-first-seconds", "1", "--slow-chunk-seconds", "0.1"]
    process = Process(command, log=log, environment=dict(os.environ), cwd=PROJECT_DIR)
    process.start(lambda: log.read_text().strip().isdigit())
    try:
        yield int(log.read_text())
    finally:
        process.stop()


def _seed(upstream_port: int) -> list[Client]:
    """Make providers, one for each fault so that none opens another's breaker, and four teams with keys and budgets."""
    from django.utils import timezone

    from accounts.models import Budget
    from accounts.services import api_keys, budgets, config_version, teams
    from routing.services import providers
    from tests import factories
    from tests.fake_upstream.faults import FAULTS, LONG_TEXT

    for number, fault in enumerate(
        (*FAULTS, LONG_TEXT, "slow_ok_300", "slow_ok_1500", "503", "429_retry_after:9999", "429_retry_after:-5")
    ):
        provider = factories.provider(
            f"provider-{number}",
            base_url=f"http://127.0.0.1:{upstream_port}/v1",
            needs_key=True,
            **DEADLINES,
        )
        providers.save_provider_key(provider, f"{PROVIDER_KEY_CANARY}-{number}")
        factories.price(
            factories.language_model(
                provider, name=fault, upstream_name=fault, is_routable=fault == "ok", max_output_tokens=200
            )
        )
    clients = []
    for slug in ("red", "green", "blue", "gray"):
        team = teams.create(slug=slug)
        budgets.set_budget(
            team=team, period=Budget.Period.DAY, limit_nano_usd=BUDGET_NANO_USD, today=timezone.now().date()
        )
        secret = api_keys.issue(team=team, name=f"{slug} key").secret
        clients.append(Client(team.id, slug, secret, f"canary-of-{slug}"))
    config_version.bump()
    return clients


def _start_saying(process: Process, sign: str) -> None:
    """Start a process and wait until it says so in its log, once more than before."""
    before = process.log.read_text(errors="replace").count(sign) if process.log.exists() else 0
    process.start(lambda: process.log.read_text(errors="replace").count(sign) > before)


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Return whether something became true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
