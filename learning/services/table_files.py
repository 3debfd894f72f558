"""Reads tables that people bring as CSV or JSON lines, packed by gzip or not, a row at a time.

Whatever the file is, memory stays bounded and the answer is a row, a note of what is wrong with a row, or
``InvalidFile`` for what cannot be read on.
"""

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NoReturn

Progress = Callable[[int], None]

MAX_LINE_BYTES = 32 * 1024 * 1024
MAX_UNPACKED_BYTES = 8 * 1024**3
MAX_LINES = 100_000_000
# Text with the same prompts over and over packs to a hundredth; what packs better is made to harm.
MAX_RATIO = 250
_RATIO_FROM_BYTES = 4 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_PROGRESS_LINES = 500


class InvalidFile(Exception):
    """The file cannot be read, or read on; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table that can be opened again and again; ``size`` is in bytes, as it is stored."""

    name: str
    open: Callable[[], IO[bytes]]
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """One row under the line it begins on; ``problem`` says why it has no ``values``."""

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def from_path(path: Path) -> Source:
    """Return a file as a source; raises InvalidFile when it is none, or may not be read."""
    try:
        if path.is_dir():
            raise InvalidFile(f"{path} is a folder: name a file.")
        with path.open("rb"):
            size = path.stat().st_size
    except OSError as error:
        raise InvalidFile(f"{path} cannot be read: {error.strerror or error}.") from error
    return Source(path.name, lambda: path.open("rb"), size)


def from_bytes(content: bytes, name: str) -> Source:
    return Source(name, lambda: BytesIO(content), len(content))


class Table:
    """One pass over a source; ``columns`` are known once the first record has been asked for.

    ``sha256`` covers what has been read, unpacked, so that a file and its packed copy are the same.
    """

    def __init__(self, source: Source, *, progress: Progress | None = None) -> None:
        self.columns: tuple[str, ...] = ()
        self._source = source
        self._progress = progress or (lambda _position: None)
        self._digest = hashlib.sha256()
        self._line = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def records(self) -> Iterator[Record]:
        """Yield the rows in order; raises InvalidFile. Blank lines are passed over."""
        lines = self._lines()
        first = next((text for text in lines if text.strip()), None)
        if first is None:
            raise InvalidFile(f"{self._source.name} is empty.")
        if "\x00" in first:
            raise InvalidFile(f"{self._source.name} is no text: its first line holds the character NUL.")
        if first.lstrip().startswith("["):
            raise InvalidFile(f"{self._source.name} is a JSON list: write one object a line, without the brackets.")
        is_json = first.lstrip().startswith("{")
        yield from self._json_records(first, lines) if is_json else self._csv_records(first, lines)

    def _json_records(self, first: str, lines: Iterator[str]) -> Iterator[Record]:
        yield self._json_record(first)
        for text in lines:
            if text.strip():
                yield self._json_record(text)

    def _json_record(self, text: str) -> Record:
        try:
            # Decimal keeps the digits of an amount as they were written.
            values = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, RecursionError, InvalidOperation):
            # The last is a number whose exponent no Decimal holds.
            return Record(self._line, problem="This is no valid JSON on one line.")
        if not isinstance(values, dict):
            return Record(self._line, problem="This is no JSON object.")
        self.columns = self.columns or tuple(values)
        return Record(self._line, values)

    def _csv_records(self, first: str, lines: Iterator[str]) -> Iterator[Record]:
        def again() -> Iterator[str]:
            yield first
            yield from lines

        with _long_fields():
            reader = csv.reader(again(), strict=True)
            begins = self._line
            try:
                self.columns = tuple(name.strip().lower() for name in next(reader))
                begins = self._line + 1
                for cells in reader:
                    begins, ended = self._line + 1 - _lines_of(cells), self._line
                    if cells:
                        yield self._csv_record(begins, cells)
                    begins = ended + 1
            except csv.Error as error:
                raise InvalidFile(
                    f"{self._source.name} is no valid CSV from line {begins} on: {error}. Check its quotation marks."
                ) from error

    def _csv_record(self, line: int, cells: list[str]) -> Record:
        if len(cells) != len(self.columns):
            return Record(line, problem=f"The row has {len(cells)} fields, the header {len(self.columns)}.")
        return Record(line, dict(zip(self.columns, cells, strict=True)))

    def _lines(self) -> Iterator[str]:
        """Yield lines with their ends; bytes that are no UTF-8 become lone surrogates, which no row may hold."""
        try:
            with self._source.open() as raw:
                for line in self._bounded(raw):
                    self._line += 1
                    self._digest.update(line)
                    yield line.decode("utf-8-sig" if self._line == 1 else "utf-8", "surrogateescape")
                self._progress(raw.tell())
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidFile(f"{self._source.name} is a damaged gzip file: {error}") from error
        except OSError as error:
            raise InvalidFile(f"{self._source.name} cannot be read: {error.strerror or error}.") from error

    def _bounded(self, raw: IO[bytes]) -> Iterator[bytes]:
        is_packed = raw.read(2) == _GZIP
        raw.seek(0)
        stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if is_packed else raw  # type: ignore[assignment]
        total = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            total += len(line)
            if len(line) > MAX_LINE_BYTES:
                raise InvalidFile(f"{self._source.name}: line {self._line + 1} is longer than {MAX_LINE_BYTES} bytes.")
            if self._line == MAX_LINES:
                raise InvalidFile(f"{self._source.name} has more than {MAX_LINES} lines: split it.")
            if total > MAX_UNPACKED_BYTES or (total > _RATIO_FROM_BYTES and total > MAX_RATIO * raw.tell()):
                raise InvalidFile(
                    f"{self._source.name} unpacks to more than {MAX_RATIO} times its size, or to more than "
                    f"{MAX_UNPACKED_BYTES} bytes: split it, or send it unpacked."
                )
            if self._line % _PROGRESS_LINES == 0:
                self._progress(raw.tell())
            yield line


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let a field be as long as a line, so that one that is too long is an error of its row and not of the file."""
    before = csv.field_size_limit(MAX_LINE_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _lines_of(cells: list[str]) -> int:
    return 1 + sum(cell.count("\n") for cell in cells)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
