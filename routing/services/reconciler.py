"""Closes rows that a process left open when it died: what the provider did is unknown, so the reservation is billed."""

import logging
from datetime import datetime, timedelta
from typing import Any

from routing.models import GatewayInstance, LedgerEntry
from routing.selectors import entries
from routing.services import database_clock, ledger, ledger_sql
from routing.services.ledger_sql import Row

logger = logging.getLogger(__name__)

# A process that was paused longer than its lease may still settle; this much later it is taken for dead.
GRACE = timedelta(seconds=15)
# No request runs longer than its deadlines allow; a row open past this is closed even if its process lives.
MAX_OPEN = timedelta(minutes=30)
BATCH = 200


def close_orphans() -> int:
    """Close every orphaned row and return how many there were; safe to run anywhere, at any time, at once."""
    database_clock.synchronize()
    closed = 0
    while batch := _orphans(database_clock.now()):
        results = ledger.apply([_closing(entry, database_clock.now()) for entry in batch])
        closed += sum(1 for result in results if result)
        if not any(results):
            # Somebody else closed them all in between.
            break
    if closed:
        logger.warning("Closed %s ledger rows whose process had ended, at their reservation", closed)
    return closed


def _orphans(now: datetime) -> list[LedgerEntry]:
    """Return the oldest open rows whose process has ended, or that nobody will close any more."""
    alive = set(GatewayInstance.objects.filter(lease_expires_at__gt=now - GRACE).values_list("id", flat=True))
    found = sorted(
        (created_at, request_id)
        for request_id, instance_id, created_at in entries.open_rows().values_list(
            "request_id", "instance_id", "created_at"
        )
        if instance_id not in alive or created_at < now - MAX_OPEN
    )
    rows = LedgerEntry.objects.in_bulk([request_id for _, request_id in found[:BATCH]])
    return list(rows.values())


def _closing(entry: LedgerEntry, now: datetime) -> ledger.CloseEntry:
    attempts = [_closed_attempt(attempt) for attempt in entry.attempts]
    costs: list[int | None] = [attempt.get("cost_nano_usd") for attempt in attempts]
    last = attempts[-1]
    row: Row = {column: getattr(entry, column) for column in ledger_sql.SETTLED_COLUMNS}
    row |= {
        "request_id": str(entry.request_id),
        "created_at": entry.created_at.isoformat(),
        "state": LedgerEntry.State.ORPHANED,
        "settled_at": now.isoformat(),
        "attempts": attempts,
        "is_estimated": True,
        "flags": [*entry.flags, "orphaned"],
        "input_tokens": last.get("input_tokens"),
        "output_tokens": last.get("output_tokens"),
        "reserved_nano_usd": 0,
        "cost_nano_usd": None if None in costs else sum(cost or 0 for cost in costs),
        "error_code": "process_ended",
        "error_message": "The process that served this request ended before it was settled.",
    }
    return ledger.CloseEntry(row, claim="unknown", only_pending=True)


def _closed_attempt(attempt: dict[str, Any]) -> dict[str, Any]:
    if attempt["state"] != "pending":
        return attempt
    return {
        **attempt,
        "state": "unknown",
        "code": "process_ended",
        "is_estimated": True,
        "cost_nano_usd": None if attempt["price_id"] is None else attempt["reserved_nano_usd"],
    }
