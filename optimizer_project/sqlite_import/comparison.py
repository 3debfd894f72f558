"""Compares two databases table by table: how many rows, and a checksum over every value of every row."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from optimizer_project.sqlite_import import target
from optimizer_project.sqlite_import.conversion import Unconvertible
from optimizer_project.sqlite_import.source import Source
from optimizer_project.sqlite_import.tables import Table

_BITS = 128
_SHOWN = 5

Report = Callable[[int], None]
Repaired = Callable[[Table, int, str], None]
"""Told of each value that was repaired: its table, row number and column."""


@dataclass
class Checksum:
    """The sum of the rows' hashes: the order of the rows does not matter, their number and every value does."""

    rows: int = 0
    total: int = 0

    def add(self, row: int) -> None:
        self.rows += 1
        self.total = (self.total + row) % 2**_BITS

    def __str__(self) -> str:
        return f"{self.total:0{_BITS // 4}x}"


@dataclass(frozen=True)
class Compared:
    """One table on both sides; ``examples`` names rows that only one side has as they are."""

    table: str
    source: Checksum
    target: Checksum
    examples: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        return self.source == self.target


def compare(source: Source, table: Table, report: Report, repaired: Repaired) -> Compared:
    """Read the whole table on both sides and compare; ``report`` is told how many rows have been read of both."""
    ours, theirs = Checksum(), Checksum()
    for line in _source_lines(source, table, repaired):
        ours.add(_hash(table, line))
        report(ours.rows)

    def add(line: str) -> None:
        theirs.add(_hash(table, line))
        report(ours.rows + theirs.rows)

    target.read(table, add)
    if ours == theirs:
        return Compared(table.name, ours, theirs)
    return Compared(table.name, ours, theirs, _differences(source, table))


def _differences(source: Source, table: Table) -> list[str]:
    """Return some of the rows that only one side has, by the value of their first column."""
    known: set[int] = set()
    target.read(table, lambda line: known.add(_hash(table, line)))
    found = [
        f"only in SQLite: {_first(table, line)}"
        for line in _source_lines(source, table)
        if _hash(table, line) not in known
    ]
    known = {_hash(table, line) for line in _source_lines(source, table)}

    def note(line: str) -> None:
        if _hash(table, line) not in known:
            found.append(f"only in PostgreSQL: {_first(table, line)}")

    target.read(table, note)
    return [*found[:_SHOWN], *(["…"] if len(found) > _SHOWN else [])]


def _source_lines(source: Source, table: Table, repaired: Repaired = lambda *_: None) -> Iterator[str]:
    for number, *values in source.rows(table.name, table.column_names, after=None):
        try:
            line = table.line(tuple(values))
            for column in table.repairs.columns:
                repaired(table, number, column)
            yield line
        except Unconvertible:
            # Never copied; as a line of its own it makes the two sides differ, as they do.
            yield "\t".join(str(value) for value in values)


def _hash(table: Table, line: str) -> int:
    digest = hashlib.blake2b(table.canonical(line).encode("utf-8", "replace"), digest_size=_BITS // 8)
    return int.from_bytes(digest.digest(), "big")


def _first(table: Table, line: str) -> str:
    return f"{table.column_names[0]} {line.partition(chr(9))[0]}"
