"""What the processes of a stack hold, sampled every few seconds."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'optimizer' AND pid <> pg_backend_pid()"
ALL = "all"
UNDER_WAY = "requests under way"


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one time, or, named ``all``, what they have together: connections to the database, requests."""

    at: float
    process: str
    figures: Mapping[str, float]


@dataclass
class Sampler:
    """Samples until the block ends; ``processes`` says, each time anew, which there are.

    ``under_way`` counts the requests that have not been answered: where they queue, they hold files and memory.
    """

    database_url: str
    processes: Callable[[], Mapping[str, int]]
    under_way: Callable[[], int]
    every_seconds: float
    samples: list[Sample] = field(default_factory=list)

    def __enter__(self) -> "Sampler":
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._began_at = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._is_over.wait(self.every_seconds):
            at = time.monotonic() - self._began_at
            for name, pid in self.processes().items():
                # A process may end between two looks, and another take its place.
                with suppress(OSError):
                    self.samples.append(Sample(at, name, holding(pid)))
            with suppress(psycopg2.Error):
                figures = {"connections": float(self._connections()), UNDER_WAY: float(self.under_way())}
                self.samples.append(Sample(at, ALL, figures))

    def _connections(self) -> int:
        connection = psycopg2.connect(self.database_url, connect_timeout=2)
        try:
            with connection.cursor() as cursor:
                cursor.execute(_CONNECTIONS)
                return int(cursor.fetchone()[0])
        finally:
            connection.close()


def holding(pid: int) -> dict[str, float]:
    """Return memory in MiB (each shared page counted by its share), open files, sockets among them, and threads.

    Raises:
        OSError: There is no such process.
    """
    folder = Path(f"/proc/{pid}")
    rollup = (folder / "smaps_rollup").read_text().splitlines()
    kibibytes = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    targets = []
    for link in (folder / "fd").iterdir():
        with suppress(OSError):
            targets.append(str(link.readlink()))
    return {
        "memory": kibibytes / 1024,
        "files": float(len(targets)),
        "sockets": float(sum(target.startswith("socket:") for target in targets)),
        "threads": float(len(list((folder / "task").iterdir()))),
    }
