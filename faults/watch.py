"""Looks at the stack while it is harmed: budgets ten times a second, health, and what the processes hold."""

import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from faults.servers import Postgres, Sqlite
from faults.stack import Web

BUDGETS = """
SELECT period.id, period.spent_nano_usd + period.reserved_nano_usd, period.limit_nano_usd + period.overrun_nano_usd
FROM accounts_budgetperiod period
"""
_AWAY = (psycopg2.Error, sqlite3.Error)


@dataclass(frozen=True, slots=True)
class Probe:
    """What one replica said of itself at one time; a status of 0 is no answer."""

    at: float
    port: int
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class Holding:
    """What a process holds: open files, threads, memory in MiB; zeros of one that has ended."""

    files: int
    threads: int
    mebibytes: float


@dataclass
class Watch:
    """Samples until the block ends; what could not be asked is not in ``budgets``."""

    store: Postgres | Sqlite
    web: Sequence[Web]
    budgets: list[tuple[int, int, int]] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)

    def __enter__(self) -> "Watch":
        self._is_over = threading.Event()
        jobs = [self._watch_budgets, *(lambda web=web: self._watch_health(web) for web in self.web)]
        self._threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _watch_budgets(self) -> None:
        while not self._is_over.is_set():
            try:
                connection = self.store.connect()
            except _AWAY:
                self._is_over.wait(0.2)
                continue
            try:
                self._sample(connection.cursor())
            except _AWAY:
                self._is_over.wait(0.2)
            finally:
                connection.close()

    def _sample(self, cursor: Any) -> None:
        while not self._is_over.is_set():
            cursor.execute(BUDGETS)
            self.budgets += cursor.fetchall()
            self._is_over.wait(0.1)

    def _watch_health(self, web: Web) -> None:
        while not self._is_over.is_set():
            for path in ("/health/live", "/health/ready"):
                self.probes.append(Probe(time.monotonic(), web.port, path, web.status(path, 5.0)))
            self._is_over.wait(0.4)


def holding(pid: int) -> Holding:
    """Return what a process holds now."""
    folder = Path(f"/proc/{pid}")
    try:
        pages = int((folder / "statm").read_text().split()[1])
        return Holding(
            files=len(list((folder / "fd").iterdir())),
            threads=len(list((folder / "task").iterdir())),
            mebibytes=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        )
    except OSError:
        return Holding(0, 0, 0.0)
