"""Counts what happens in this process, for Prometheus: ``count``, ``observe``, ``gauge``, ``timed``.

Noting takes about a microsecond and never fails or waits for a disk: figures are added up in memory, and a thread
writes them to this process's file within a second. See docs/adr/0017.
"""

import atexit
import contextlib
import logging
import os
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from accounts.domain.series import SERIES, Series
from accounts.services.telemetry_files import OwnFile, Tally, size

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
# Label values come from routes, models and error codes. Should a series ever have many, its rest is counted together.
MAX_LABEL_SETS = 1000
LABEL_LETTERS = 100
OTHER = "other"


class UnknownSeries(Exception):
    """The figure is not in the table of ``accounts.domain.series``, or not with these labels."""


class Telemetry:
    """The figures of one process; ``directory`` is shared by all processes of the machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._reset()

    def count(self, name: str, amount: float = 1.0, /, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._numbers(name, labels)[0] += amount
        if not self._is_changed:
            self._note_change()

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add a measured value, in the unit of the series, to a histogram."""
        with self._lock:
            numbers = self._numbers(name, labels)
            numbers[bisect_left(SERIES[name].buckets, value)] += 1.0
            numbers[-1] += value
        if not self._is_changed:
            self._note_change()

    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge to the value it has now."""
        with self._lock:
            self._numbers(name, labels)[:] = (value, time.time())
        if not self._is_changed:
            self._note_change()

    @contextlib.contextmanager
    def timed(self, name: str, /, **labels: str) -> Iterator[None]:
        """Observe how many seconds the block takes, whether it ends well or not."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.observe(name, time.perf_counter() - started, **labels)

    def tallies(self) -> list[Tally]:
        """Return what this process has noted so far."""
        with self._lock:
            return [Tally(*key, tuple(numbers)) for key, numbers in self._held.items()]

    def write(self) -> None:
        """Write the figures to this process's file, for whoever reads those of all processes."""
        with self._writing:
            self._is_changed = False
            tallies = self.tallies()
            if not tallies:
                return
            try:
                self._file.write(tallies)
                self._has_failed = False
            except OSError as error:
                if not self._has_failed:
                    logger.warning("Figures for Prometheus cannot be written to %s: %s", self.directory, error)
                self._has_failed = True

    def _reset(self) -> None:
        """Begin at nothing; a forked process must not count again what its parent has counted."""
        self._held: dict[tuple[str, tuple[str, ...]], list[float]] = {}
        # By labels in the order of the call, which spares every call but the first from sorting them.
        self._by_call: dict[tuple[object, ...], list[float]] = {}
        self._sets: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._is_changed = False
        self._to_write = threading.Event()
        self._thread: threading.Thread | None = None
        self._file = OwnFile(self.directory)
        self._has_failed = False

    def after_fork(self) -> None:
        """Let go of what belongs to the parent process."""
        self._file.forget()
        self._reset()

    def _numbers(self, name: str, labels: dict[str, str]) -> list[float]:
        call = (name, *labels.items())
        found = self._by_call.get(call)
        if found is None:
            series = _series(name, labels)
            values = tuple(labels[label][:LABEL_LETTERS] for label in series.labels)
            key = (name, values)
            if key not in self._held:
                if self._sets[name] >= MAX_LABEL_SETS:
                    return self._held.setdefault((name, (OTHER,) * len(values)), [0.0] * size(series))
                self._sets[name] += 1
            found = self._by_call[call] = self._held.setdefault(key, [0.0] * size(series))
        return found

    def _note_change(self) -> None:
        self._is_changed = True
        self._to_write.set()
        if self._thread is None:
            with self._writing:
                if self._thread is None:
                    thread = threading.Thread(target=self._write_on, name="telemetry", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError:
                        # Memory is too short for a thread: whoever counts next tries again.
                        self._is_changed = False
                    else:
                        self._thread = thread

    def _write_on(self) -> None:
        while True:
            self._to_write.wait()
            time.sleep(WRITE_SECONDS)
            self._to_write.clear()
            self.write()


def _series(name: str, labels: dict[str, str]) -> Series:
    series = SERIES.get(name)
    if series is None or series.origin != "process":
        raise UnknownSeries(f"{name!r} is not counted by processes: add it to the table in accounts/domain/series.py.")
    if set(labels) != set(series.labels):
        raise UnknownSeries(f"{name!r} takes the labels {series.labels}, not {tuple(labels)}.")
    return series


own = Telemetry(settings.DATA_DIR / "prometheus")
count = own.count
observe = own.observe
gauge = own.gauge
timed = own.timed
write = own.write

atexit.register(write)
os.register_at_fork(after_in_child=own.after_fork)
