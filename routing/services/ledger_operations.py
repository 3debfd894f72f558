"""What may happen to a ledger row, and what comes of it."""

from datetime import date, datetime
from typing import Any, Literal

import msgspec

from routing.models import CachedResponse, LedgerEntry, StoredPrompt
from routing.services.ledger_sql import Row

State = LedgerEntry.State


class Claim(msgspec.Struct, frozen=True):
    """The wish to be the only one that works on an Idempotency-Key."""

    team_id: int
    key_hash: str
    body_hash: str
    created_at: datetime
    expires_at: datetime


class ExistingClaim(msgspec.Struct, frozen=True):
    """Somebody was there before: what they were asked, and the answer if there is one."""

    body_hash: str
    state: str
    status: int | None
    headers: dict[str, str] | None
    encrypted_body: bytes | None


class Opened(msgspec.Struct, frozen=True):
    period_ids: tuple[int, ...]


class BudgetRefused(msgspec.Struct, frozen=True):
    """No room; ``budget_id`` is None where only the fact is remembered."""

    budget_id: int | None


class AlreadyClosed(msgspec.Struct, frozen=True):
    """Nothing was extended: the row has been closed, by the reconciler when its process was taken for dead."""


class OpenEntry(msgspec.Struct, frozen=True):
    """Write a row before its provider is called (or, on a cache hit, its only row) and reserve its cost."""

    row: Row
    budget_ids: tuple[int, ...]
    today: date
    claim: Claim | None = None
    cache_hit_key: str | None = None


class ExtendEntry(msgspec.Struct, frozen=True):
    """Write down a further attempt before it is made, and reserve what it may cost beyond the present reservation."""

    row: Row
    budget_ids: tuple[int, ...]
    today: date
    extra_nano_usd: int


class Answer(msgspec.Struct, frozen=True):
    """The bytes a client was given, kept for a repeated Idempotency-Key; a body of None was too large to keep."""

    status: int
    headers: dict[str, str]
    encrypted_body: bytes | None


class CloseEntry(msgspec.Struct, frozen=True):
    """Settle a row: its true cost replaces its reservation.

    ``claim`` says what becomes of an idempotency claim: its answer is kept, it is released for another try, or its
    outcome is unknown. ``only_pending`` leaves a row alone that somebody else has closed. ``held`` is what the row
    holds as far as its process knows: the nano-dollars reserved and the periods they are reserved in. ``or_insert``
    says that the row is complete and is written where there is none, so that an opening under way comes too late.
    """

    row: Row
    held: tuple[int, tuple[int, ...]] | None = None
    claim: Answer | Literal["release", "unknown"] | None = None
    cached_response: CachedResponse | None = None
    stored_prompt: StoredPrompt | None = None
    only_pending: bool = False
    or_insert: bool = False


Operation = OpenEntry | ExtendEntry | CloseEntry


def undo_of(operation: Operation, result: Any) -> Operation | None:
    """Return what takes back an opening whose request has stopped waiting; None when nothing needs to be.

    A ``result`` of None says that it is not known whether there is anything to take back, or will be: the server may be
    at work on it still.
    """
    if not isinstance(operation, OpenEntry) or not (result is None or isinstance(result, Opened)):
        return None
    if operation.row["state"] != State.PENDING:
        return None
    row = {
        **operation.row,
        "state": State.FAILED,
        "settled_at": operation.row["created_at"],
        "attempts": [{**attempt, "state": "not_sent"} for attempt in operation.row["attempts"]],
        "reserved_nano_usd": 0,
        "cost_nano_usd": 0,
        "http_status": 503,
        "error_code": "store_unavailable",
    }
    claim: Literal["release"] | None = "release" if operation.claim else None
    return CloseEntry(row, claim=claim, only_pending=True, or_insert=result is None)
