"""Statements of the hot path, parsed and planned once per connection to PostgreSQL instead of each time.

For the few that every request runs: planning them takes as long as running them. They need a connection that stays the
same from PREPARE to EXECUTE, which a pooler in transaction mode does not give.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection

_known: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement with its parameters as $1, $2, … and their types, under a name of its own."""

    name: str
    types: tuple[str, ...]
    statement: str

    @property
    def call(self) -> str:
        """SQL that runs it, with a ``%s`` for each parameter."""
        return f"EXECUTE {self.name}({', '.join(['%s'] * len(self.types))})"


def execute(cursor: Any, calls: Sequence[tuple[Prepared, Sequence[Any]]]) -> None:
    """Run statements in one exchange; the cursor then holds the result of the last one."""
    connection.ensure_connection()
    known = _known.setdefault(connection.connection, set())
    for prepared, _ in calls:
        if prepared.name not in known:
            cursor.execute(f"PREPARE {prepared.name}({', '.join(prepared.types)}) AS {prepared.statement}")
            known.add(prepared.name)
    arguments = [argument for _, given in calls for argument in given]
    cursor.execute("; ".join(prepared.call for prepared, _ in calls), arguments)
