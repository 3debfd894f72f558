"""The ordinary batch: new requests whose budgets have room, and settlements of rows that are still open.

It takes two exchanges with the database between BEGIN and COMMIT, and holds the budgets' locks during the last of them
only. Each exchange counts: its answer has to wait for the interpreter, which the event loop is keeping busy. Whatever
is out of the ordinary is found out before the commit, rolled back, and left to `ledger.apply`.
"""

import time
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from accounts.services import budgets
from routing.services import ledger_sql
from routing.services.ledger_operations import CloseEntry, Opened, OpenEntry, Operation

# After a batch that did not fit, the next ones are not tried here: a team at its limit would make each run twice.
PAUSE_SECONDS = 1.0
_paused_until = 0.0


def apply(operations: Sequence[Operation]) -> list[Any] | None:
    """Run the operations in one transaction and return their results; None when nothing was done."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return None
    openings = [operation for operation in operations if isinstance(operation, OpenEntry)]
    closings = [operation for operation in operations if isinstance(operation, CloseEntry)]
    if len(openings) + len(closings) != len(operations) or not _are_ordinary(openings, closings):
        return None
    with transaction.atomic():
        if _write(openings, closings):
            return [
                Opened(tuple(operation.row["budget_period_ids"])) if isinstance(operation, OpenEntry) else True
                for operation in operations
            ]
        transaction.set_rollback(True)
    _paused_until = time.monotonic() + PAUSE_SECONDS
    return None


def _are_ordinary(openings: Sequence[OpenEntry], closings: Sequence[CloseEntry]) -> bool:
    """Say whether nothing but rows and budgets is concerned, and find the periods of the openings."""
    for opening in openings:
        periods = budgets.known_periods(opening.budget_ids, opening.today)
        if periods is None or opening.claim is not None or opening.cache_hit_key is not None:
            return False
        opening.row["budget_period_ids"] = list(periods)
    is_plain = all(
        closing.held is not None and not (closing.claim or closing.cached_response or closing.stored_prompt)
        for closing in closings
    )
    return is_plain and len({closing.row["request_id"] for closing in closings}) == len(closings)


def _write(openings: Sequence[OpenEntry], closings: Sequence[CloseEntry]) -> bool:
    changes = []
    settled = []
    for closing in closings:
        assert closing.held is not None
        reserved, period_ids = closing.held
        # The statement settles rows that still hold just this much.
        settled.append({**closing.row, "reserved_nano_usd": reserved})
        cost = closing.row["cost_nano_usd"] or 0
        changes += [budgets.PeriodChange(period_id, -reserved, cost) for period_id in period_ids]
    if ledger_sql.write([opening.row for opening in openings], settled) != len(settled):
        return False
    reservations = [(tuple(opening.row["budget_period_ids"]), opening.row["reserved_nano_usd"]) for opening in openings]
    return budgets.book_at_once(changes, reservations)
