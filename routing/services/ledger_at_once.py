"""The ordinary batch: new requests whose budgets have room, and settlements of rows that are still open.

On PostgreSQL it is one exchange, which holds the budgets' locks during its last statement only, and which the event
loop waits for itself (``AtOnce``). Whatever is out of the ordinary makes the whole of it come to nothing, and is left
to `ledger.apply`.
"""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import DatabaseError, transaction

from accounts.services import budgets, database_figures
from accounts.services.budgets import Moves
from accounts.services.prepared_statements import OtherCount
from routing.services import ledger_sql
from routing.services.group_commit import CONNECTION_ERRORS
from routing.services.ledger_operations import CloseEntry, Opened, OpenEntry, Operation
from routing.services.ledger_sql import Row
from routing.services.loop_connection import LoopConnection

# After a batch that did not fit, the next ones are not tried here: a team at its limit would make each run twice.
PAUSE_SECONDS = 1.0
_paused_until = 0.0


class _Batch(msgspec.Struct, frozen=True):
    """What an ordinary batch writes; a row of ``settled`` names what it holds until then as ``reserved_nano_usd``."""

    new: list[Row]
    settled: list[Row]
    moves: Moves


class AtOnce:
    """Commits the ordinary batches of one process on PostgreSQL, one at a time."""

    def __init__(self) -> None:
        self._connection = LoopConnection()
        self._paused_until = 0.0

    async def apply(self, operations: Sequence[Operation]) -> list[Any] | None:
        """Run the operations in one transaction and return their results; None when nothing was done.

        Raises:
            OperationalError, InterfaceError: The database is away; whether they were committed is not known.
        """
        batch = _ordinary(operations) if time.monotonic() >= self._paused_until else None
        if batch is None:
            return None
        calls = ledger_sql.writing(batch.new, batch.settled)
        if batch.moves:
            calls.append(budgets.moving(batch.moves))
        started = time.monotonic()
        try:
            await self._connection.execute(calls)
        except CONNECTION_ERRORS:
            raise
        except (OtherCount, DatabaseError):
            database_figures.note_rollback()
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            return None
        finally:
            database_figures.note("execute", time.monotonic() - started)
        return _results(operations)

    def close(self) -> None:
        self._connection.close()


def apply(operations: Sequence[Operation]) -> list[Any] | None:
    """Do the same from a thread, by its own connection and on any database."""
    global _paused_until
    batch = _ordinary(operations) if time.monotonic() >= _paused_until else None
    if batch is None:
        return None
    with transaction.atomic():
        if ledger_sql.write(batch.new, batch.settled) and budgets.move_at_once(batch.moves):
            return _results(operations)
        transaction.set_rollback(True)
    _paused_until = time.monotonic() + PAUSE_SECONDS
    return None


def _ordinary(operations: Sequence[Operation]) -> _Batch | None:
    """Return what the operations write where nothing but rows and budgets is concerned, else None."""
    openings = [operation for operation in operations if isinstance(operation, OpenEntry)]
    closings = [operation for operation in operations if isinstance(operation, CloseEntry)]
    if len(openings) + len(closings) != len(operations):
        return None
    if not _find_periods(openings) or not _are_plain(closings):
        return None
    changes = []
    settled = []
    for closing in closings:
        assert closing.held is not None
        reserved, period_ids = closing.held
        settled.append({**closing.row, "reserved_nano_usd": reserved})
        cost = closing.row["cost_nano_usd"] or 0
        changes += [budgets.PeriodChange(period_id, -reserved, cost) for period_id in period_ids]
    new = [opening.row for opening in openings]
    reservations = [(tuple(row["budget_period_ids"]), row["reserved_nano_usd"]) for row in new]
    return _Batch(new, settled, budgets.moves(changes, reservations))


def _find_periods(openings: Sequence[OpenEntry]) -> bool:
    """Give the rows of openings their budgets' periods; return False where one is not known or more is concerned."""
    for opening in openings:
        periods = budgets.known_periods(opening.budget_ids, opening.today)
        if periods is None or opening.claim is not None or opening.cache_hit_key is not None:
            return False
        opening.row["budget_period_ids"] = list(periods)
    return True


def _are_plain(closings: Sequence[CloseEntry]) -> bool:
    is_plain = all(
        closing.held is not None and not (closing.claim or closing.cached_response or closing.stored_prompt)
        for closing in closings
    )
    return is_plain and len({closing.row["request_id"] for closing in closings}) == len(closings)


def _results(operations: Sequence[Operation]) -> list[Any]:
    return [
        Opened(tuple(operation.row["budget_period_ids"])) if isinstance(operation, OpenEntry) else True
        for operation in operations
    ]
