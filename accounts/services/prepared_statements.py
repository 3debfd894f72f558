"""Statements of the hot path, parsed and planned once per connection to PostgreSQL instead of each time.

For the few that every request runs: planning them takes as long as running them. They need a connection that stays the
same from PREPARE to EXECUTE, which a pooler in transaction mode does not give.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DataError, connection

_known: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
# division_by_zero (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_DIVISION_BY_ZERO = "22012"
# The server would otherwise plan a statement each time where it thinks that knowing the arguments makes a better plan.
_PLANNED_ONCE = "SET LOCAL plan_cache_mode = force_generic_plan; "
_BY_INDEX = "SET LOCAL enable_seqscan = off; "


class OtherCount(Exception):
    """A statement changed more or fewer rows than it was to; the transaction can only be rolled back."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement with its parameters as $1, $2, … and their types, under a name of its own.

    ``is_by_index`` is for one that changes few rows of a table that grows while the plan stays: planned when the table
    was small, it would read through all of it each time. What is sent behind it in one transaction is planned so, too.
    """

    name: str
    types: tuple[str, ...]
    statement: str
    is_by_index: bool = False

    @property
    def preparation(self) -> str:
        return f"PREPARE {self.name}({', '.join(self.types)}) AS {self.statement}"

    @property
    def call(self) -> str:
        """SQL that runs it, with a ``%s`` for each parameter."""
        settings = _BY_INDEX if self.is_by_index else ""
        return f"{settings}EXECUTE {self.name}({', '.join(['%s'] * len(self.types))})"


Call = tuple[Prepared, Sequence[Any]]


def counted(name: str, types: tuple[str, ...], change: str, *, is_by_index: bool = False) -> Prepared:
    """Return a statement that fails unless ``change`` changes as many rows as one more parameter, the last, says.

    So that several statements can be sent together, and all of them come to nothing where one has not done its part.
    """
    guard = f"SELECT 1 / (count(*) = ${len(types) + 1})::int FROM changed"  # noqa: S608
    return Prepared(name, (*types, "bigint"), f"WITH changed AS ({change} RETURNING 1) {guard}", is_by_index)


def joined(calls: Iterable[Call]) -> tuple[str, list[Any]]:
    """Return calls as one SQL text with its arguments, to be run in one transaction."""
    listed = list(calls)
    text = _PLANNED_ONCE + "; ".join(prepared.call for prepared, _ in listed)
    return text, [argument for _, given in listed for argument in given]


def is_other_count(error: BaseException | None) -> bool:
    """Say whether the driver raised this because a ``counted`` statement changed another number of rows."""
    return getattr(error, "pgcode", None) == _DIVISION_BY_ZERO


def execute(cursor: Any, calls: Sequence[Call]) -> None:
    """Run statements in one exchange; the cursor then holds the result of the last one.

    Raises:
        OtherCount: A ``counted`` statement changed another number of rows than it was to.
    """
    connection.ensure_connection()
    known = _known.setdefault(connection.connection, set())
    for prepared, _ in calls:
        if prepared.name not in known:
            cursor.execute(prepared.preparation)
            known.add(prepared.name)
    try:
        cursor.execute(*joined(calls))
    except DataError as error:
        if is_other_count(error.__cause__):
            raise OtherCount from error
        raise
