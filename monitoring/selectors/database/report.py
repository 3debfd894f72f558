"""What there is to know about the database itself, whichever of the two it is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

_LITERAL = re.compile(r"'(?:[^']|'')*'?|\b\d+(?:\.\d+)?\b")
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class TableSize:
    """``rows`` is an estimate. Figures are None where the database does not keep them without reading everything."""

    name: str
    rows: int | None
    bytes: int | None
    index_bytes: int | None
    written: int | None = None
    dead_rows: int | None = None


@dataclass(frozen=True, slots=True)
class IndexUse:
    """``scans`` since the statistics began; an index that is ``needed`` holds a constraint, used or not."""

    table: str
    name: str
    bytes: int | None
    scans: int | None
    is_needed: bool

    @property
    def is_unused(self) -> bool:
        return self.scans == 0 and not self.is_needed


@dataclass(frozen=True, slots=True)
class Activity:
    """One session that has been busy, or waiting for others, for ``seconds``; ``blocked_by`` are their ids."""

    pid: int
    seconds: float
    state: str
    application: str
    blocked_by: Sequence[int]
    query: str


@dataclass(frozen=True, slots=True)
class DatabaseReport:
    """``notes`` say what the figures mean and what this database cannot tell."""

    vendor: str
    version: str
    bytes: int
    tables: Sequence[TableSize]
    indexes: Sequence[IndexUse]
    facts: Mapping[str, object]
    activities: Sequence[Activity] = ()
    connections: Mapping[str, int] = field(default_factory=dict)
    most_connections: int | None = None
    notes: Sequence[str] = ()

    @property
    def connection_count(self) -> int:
        return sum(self.connections.values())


def missing_migrations() -> list[str]:
    """Return the migrations of this version of the code that the database does not have yet, in their order."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def redacted(query: str) -> str:
    """Return SQL without its literals, which may be of callers, and not longer than a page can bear."""
    text = " ".join(_LITERAL.sub("?", query).split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} …"
