"""The figures of all processes of one machine: a file for each, and an archive of those that have ended.

A process holds a lock on a file of its own, which the kernel releases however the process ends, also in another
container on the same volume. What an ended process counted is moved to the archive, so that counters never fall and
files do not pile up. The archive names the processes it holds: whoever reads it at any moment counts each once.
"""

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from accounts.domain.series import SERIES, Series

_ARCHIVE = "archive.json"
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Tally:
    """A figure with its label values.

    ``numbers`` are: of a counter its value; of a gauge its value and the Unix time it was set; of a histogram the
    counts by bucket, the one beyond the last bound, and the sum of the values.
    """

    name: str
    labels: tuple[str, ...]
    numbers: tuple[float, ...]


class OwnFile:
    """The file of this process; made with the first write.

    It is written over in place. A new file renamed onto it every second would be flushed to disk each time, and every
    commit of a database on that disk would wait for it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lease: int | None = None
        self._file: int | None = None
        self._length = 0

    def write(self, tallies: Iterable[Tally]) -> None:
        """Replace what the file holds; raises OSError."""
        if self._file is None:
            self._open()
        assert self._file is not None
        # Spaces after a document are nothing: what was longer is covered by them.
        data = orjson.dumps({"tallies": _documents(tallies)}).ljust(self._length)
        with _locked(self._directory):
            os.pwrite(self._file, data, 0)
        self._length = len(data)

    def forget(self) -> None:
        """Let go of the file without a trace: after a fork it is the parent's."""
        for descriptor in (self._lease, self._file):
            if descriptor is not None:
                os.close(descriptor)
        self._lease = self._file = None
        self._length = 0

    def _open(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        archive(self._directory)
        process = f"{os.getpid()}-{secrets.token_hex(6)}"
        with _locked(self._directory):
            self._lease = os.open(self._directory / f"{process}.alive", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lease, fcntl.LOCK_EX)
            self._file = os.open(self._directory / f"{process}.json", os.O_WRONLY | os.O_CREAT, 0o600)


def read(directory: Path) -> list[Tally]:
    """Return the figures of all processes, those that have ended included, each with its labels once."""
    if not directory.is_dir():
        return []
    with _locked(directory):
        held = _load(directory / _ARCHIVE)
        archived = frozenset(held.get("ids", ()))
        documents = [held, *(_load(directory / f"{process}.json") for process in _ids(directory) - archived)]
    return _sum(tally for document in documents for tally in _tallies(document))


def archive(directory: Path) -> None:
    """Move the figures of the processes that have ended to the archive, and delete their files."""
    with _locked(directory):
        ended = {process for process in _ids(directory) if not _is_alive(directory, process)}
        if not ended:
            return
        held = _load(directory / _ARCHIVE)
        new = ended - frozenset(held.get("ids", ()))
        documents = [held, *(_load(directory / f"{process}.json") for process in new)]
        tallies = _sum(tally for document in documents for tally in _tallies(document) if not _is_live(tally.name))
        _replace(directory / _ARCHIVE, {"ids": sorted(ended), "tallies": _documents(tallies)})
        for process in ended:
            (directory / f"{process}.json").unlink(missing_ok=True)
            (directory / f"{process}.alive").unlink(missing_ok=True)


def _is_live(name: str) -> bool:
    return SERIES[name].is_live


def _ids(directory: Path) -> set[str]:
    return {path.stem for path in directory.glob("*.alive")}


def _is_alive(directory: Path, process: str) -> bool:
    descriptor = os.open(directory / f"{process}.alive", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _sum(tallies: Iterable[Tally]) -> list[Tally]:
    found: dict[tuple[str, tuple[str, ...]], tuple[float, ...]] = {}
    for tally in tallies:
        key = (tally.name, tally.labels)
        known = found.get(key)
        found[key] = tally.numbers if known is None else _merged(SERIES[tally.name], known, tally.numbers)
    return [Tally(*key, numbers) for key, numbers in found.items()]


def _merged(series: Series, one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    if series.kind != "gauge":
        return tuple(first + second for first, second in zip(one, other, strict=True))
    latest = max(one, other, key=lambda numbers: numbers[1])
    return (one[0] + other[0], latest[1]) if series.is_live else latest


def _documents(tallies: Iterable[Tally]) -> list[Any]:
    return [(tally.name, tally.labels, tally.numbers) for tally in tallies]


def _tallies(document: Mapping[str, Any]) -> Iterator[Tally]:
    """Yield what a file holds and the table of series still knows in this form: another version may have written it."""
    for name, labels, numbers in document.get("tallies", ()):
        series = SERIES.get(name)
        if series is not None and len(labels) == len(series.labels) and len(numbers) == size(series):
            yield Tally(name, tuple(labels), tuple(numbers))


def size(series: Series) -> int:
    """Return how many numbers a tally of the series has."""
    return {"counter": 1, "gauge": 2, "histogram": len(series.buckets) + 2}[series.kind]


def _load(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing where it is not there or was cut off by a power failure."""
    try:
        document: dict[str, Any] = orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return document


def _replace(path: Path, document: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(orjson.dumps(document))
    temporary.replace(path)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock: nothing is moved to the archive meanwhile."""
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
