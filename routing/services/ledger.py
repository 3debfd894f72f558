"""What may happen to a ledger row: opened before the provider is called, extended by a further attempt, closed.

``apply`` runs any mix of these in one transaction, together with the budgets, idempotency claims and cached answers
that must be true at the same moment. Locks are taken in one order everywhere (claims, ledger rows, budget periods, each
by id), so that two processes never wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.services import budgets
from routing.models import CachedResponse, IdempotencyClaim, LedgerEntry, StoredPrompt
from routing.services import ledger_at_once, ledger_sql
from routing.services.ledger_operations import (
    AlreadyClosed,
    Answer,
    BudgetRefused,
    Claim,
    CloseEntry,
    ExistingClaim,
    ExtendEntry,
    Opened,
    OpenEntry,
    Operation,
    undo_of,
)
from routing.services.ledger_sql import Row
from routing.services.writers_turn import writers_turn

__all__ = [
    "AlreadyClosed",
    "Answer",
    "BudgetRefused",
    "Claim",
    "CloseEntry",
    "ExistingClaim",
    "ExtendEntry",
    "OpenEntry",
    "Opened",
    "Operation",
    "apply",
    "undo_of",
]

State = LedgerEntry.State


@dataclass(slots=True)
class _Batch:
    operations: Sequence[Operation]
    results: list[Any]
    changes: list[budgets.PeriodChange] = field(default_factory=list)
    held: dict[str, ledger_sql.Held] = field(default_factory=dict)
    recalled: set[int] = field(default_factory=set)

    def of(self, kind: type) -> list[tuple[int, Any]]:
        return [
            (index, operation)
            for index, operation in enumerate(self.operations)
            if isinstance(operation, kind) and self.results[index] is None
        ]


def apply(operations: Sequence[Operation], *, is_retry: bool = False) -> list[Any]:
    """Run operations in one transaction.

    ``is_retry`` says that an earlier try may have been committed after all; what it did is then recognized and not
    done twice.

    Returns:
        For each operation: Opened, BudgetRefused or ExistingClaim for an opening; Opened, BudgetRefused or
        AlreadyClosed for an extension; True or False (was there anything to close) for a closing.
    """
    with writers_turn():
        if not is_retry and (results := ledger_at_once.apply(operations)) is not None:
            return results
        return _apply_carefully(_Batch(operations, [None] * len(operations)), is_retry=is_retry)


def _apply_carefully(batch: _Batch, *, is_retry: bool) -> list[Any]:
    with transaction.atomic():
        if is_retry:
            _recall(batch)
        _claim_keys(batch)
        _hold(batch)
        _close(batch)
        _refuse_closed(batch)
        _book(batch)
        _insert(batch)
        _extend(batch)
    return batch.results


def _recall(batch: _Batch) -> None:
    opens, extensions = batch.of(OpenEntry), batch.of(ExtendEntry)
    held = ledger_sql.hold(operation.row["request_id"] for _, operation in (*opens, *extensions))
    for index, operation in opens:
        if (row := held.get(operation.row["request_id"])) is not None:
            is_refused = row.state == State.FAILED
            batch.recalled.add(index)
            batch.results[index] = BudgetRefused(None) if is_refused else Opened(row.budget_period_ids)
    for index, operation in extensions:
        row = held.get(operation.row["request_id"])
        if row is not None and row.attempt_count >= operation.row["attempt_count"]:
            batch.results[index] = Opened(row.budget_period_ids)


def _claim_keys(batch: _Batch) -> None:
    wanted = [(index, operation) for index, operation in batch.of(OpenEntry) if operation.claim is not None]
    if not wanted:
        return
    wanted.sort(key=lambda pair: (pair[1].claim.team_id, pair[1].claim.key_hash))
    hashes = [operation.claim.key_hash for _, operation in wanted]
    oldest = min(operation.claim.created_at for _, operation in wanted)
    IdempotencyClaim.objects.filter(key_hash__in=hashes, expires_at__lt=oldest).exclude(
        state=IdempotencyClaim.State.IN_FLIGHT
    ).delete()
    IdempotencyClaim.objects.bulk_create(
        [
            IdempotencyClaim(
                team_id=operation.claim.team_id,
                key_hash=operation.claim.key_hash,
                body_hash=operation.claim.body_hash,
                request_id=operation.row["request_id"],
                state=IdempotencyClaim.State.IN_FLIGHT,
                created_at=operation.claim.created_at,
                expires_at=operation.claim.expires_at,
            )
            for _, operation in wanted
        ],
        ignore_conflicts=True,
    )
    found = {(claim.team_id, claim.key_hash): claim for claim in IdempotencyClaim.objects.filter(key_hash__in=hashes)}
    for index, operation in wanted:
        claim = found.get((operation.claim.team_id, operation.claim.key_hash))
        if claim is None:
            # Another process held it when we inserted, and has released it since: as good as still in flight.
            in_flight = IdempotencyClaim.State.IN_FLIGHT
            batch.results[index] = ExistingClaim(operation.claim.body_hash, in_flight, None, None, None)
        elif str(claim.request_id) != operation.row["request_id"]:
            batch.results[index] = ExistingClaim(
                claim.body_hash,
                claim.state,
                claim.status,
                claim.headers,
                None if claim.encrypted_body is None else bytes(claim.encrypted_body),
            )


def _hold(batch: _Batch) -> None:
    """Lock the rows to be changed, all at once."""
    changed = [*batch.of(CloseEntry), *batch.of(ExtendEntry)]
    batch.held = ledger_sql.hold({operation.row["request_id"] for _, operation in changed})


def _close(batch: _Batch) -> None:
    closings = batch.of(CloseEntry)
    # By id: a request that was broken off while it was being settled may be closed twice in one batch.
    rows: dict[str, Row] = {}
    missing: dict[str, Row] = {}
    for index, operation in closings:
        row = operation.row
        before = batch.held.get(row["request_id"])
        is_open = before is not None and (before.state == State.PENDING or not operation.only_pending)
        batch.results[index] = is_open
        if before is None and operation.or_insert:
            missing[row["request_id"]] = row
        if before is None or not is_open:
            continue
        rows[row["request_id"]] = row
        was_spent = 0 if before.state == State.PENDING else before.cost_nano_usd or 0
        spent_delta = (row["cost_nano_usd"] or 0) - was_spent
        if before.reserved_nano_usd or spent_delta:
            batch.changes.extend(
                budgets.PeriodChange(period_id, -before.reserved_nano_usd, spent_delta)
                for period_id in before.budget_period_ids
            )
        batch.held[row["request_id"]] = replace(
            before, state=row["state"], reserved_nano_usd=row["reserved_nano_usd"], cost_nano_usd=row["cost_nano_usd"]
        )
        _close_claim(operation)
    if rows:
        ledger_sql.update(list(rows.values()), ledger_sql.SETTLED_COLUMNS)
    if missing:
        ledger_sql.insert(list(missing.values()))
    _keep_copies([operation for index, operation in closings if batch.results[index]])


def _refuse_closed(batch: _Batch) -> None:
    """Leave rows alone that are no longer open: what an extension reserved there would never be released."""
    for index, operation in batch.of(ExtendEntry):
        before = batch.held.get(operation.row["request_id"])
        if before is None or before.state != State.PENDING:
            batch.results[index] = AlreadyClosed()


def _close_claim(operation: CloseEntry) -> None:
    if operation.claim is None:
        return
    claims = IdempotencyClaim.objects.filter(request_id=operation.row["request_id"])
    if operation.claim == "release":
        claims.delete()
    elif operation.claim == "unknown":
        claims.filter(state=IdempotencyClaim.State.IN_FLIGHT).update(state=IdempotencyClaim.State.UNKNOWN)
    else:
        claims.update(
            state=IdempotencyClaim.State.ANSWERED,
            status=operation.claim.status,
            headers=operation.claim.headers,
            encrypted_body=operation.claim.encrypted_body,
        )


def _keep_copies(closings: Sequence[CloseEntry]) -> None:
    cached = {
        operation.cached_response.key: operation.cached_response for operation in closings if operation.cached_response
    }
    if cached:
        CachedResponse.objects.bulk_create(
            [cached[key] for key in sorted(cached)],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=[
                "source_request_id",
                "provider",
                "served_model",
                "encrypted_body",
                "usage",
                "original_cost_nano_usd",
                "created_at",
                "expires_at",
            ],
        )
    prompts = [operation.stored_prompt for operation in closings if operation.stored_prompt]
    if prompts:
        StoredPrompt.objects.bulk_create(prompts, ignore_conflicts=True)


def _book(batch: _Batch) -> None:
    """Reserve for openings and extensions and release for closings, in one visit to the budgets."""
    wishes = [
        *((index, operation, operation.row["reserved_nano_usd"]) for index, operation in batch.of(OpenEntry)),
        *((index, operation, operation.extra_nano_usd) for index, operation in batch.of(ExtendEntry)),
    ]
    wishes = [wish for wish in wishes if wish[1].budget_ids]
    if batch.changes and not wishes:
        budgets.apply_changes(batch.changes)
    changes = batch.changes
    # A batch at midnight holds requests of two days.
    for today in sorted({operation.today for _, operation, _ in wishes}):
        _reserve_day(batch, today, [wish for wish in wishes if wish[1].today == today], changes)
        changes = []


def _reserve_day(
    batch: _Batch, today: date, wishes: list[tuple[int, Any, int]], changes: list[budgets.PeriodChange]
) -> None:
    reservations = [budgets.Reservation(operation.budget_ids, amount) for _, operation, amount in wishes]
    for (index, operation, _), outcome in zip(wishes, budgets.book(changes, reservations, today), strict=True):
        if outcome.refused_by is not None:
            batch.results[index] = BudgetRefused(outcome.refused_by)
        elif isinstance(operation, OpenEntry):
            operation.row["budget_period_ids"] = list(outcome.period_ids)


def _insert(batch: _Batch) -> None:
    """Write the rows of openings, those that a budget refused as failed ones."""
    rows, hits = [], []
    for index, operation in enumerate(batch.operations):
        if not isinstance(operation, OpenEntry) or isinstance(batch.results[index], ExistingClaim):
            continue
        if index in batch.recalled:
            continue
        row = operation.row
        if isinstance(batch.results[index], BudgetRefused):
            row = _refused(row)
            if operation.claim is not None:
                IdempotencyClaim.objects.filter(request_id=row["request_id"]).delete()
        else:
            batch.results[index] = Opened(tuple(row["budget_period_ids"]))
            if operation.cache_hit_key is not None:
                hits.append(operation.cache_hit_key)
        rows.append(row)
    if rows:
        ledger_sql.insert(rows)
    for key in sorted(hits):
        CachedResponse.objects.filter(key=key).update(hit_count=F("hit_count") + 1)


def _refused(row: Row) -> Row:
    return {
        **row,
        "state": State.FAILED,
        "settled_at": row["created_at"],
        "attempts": [],
        "attempt_count": 0,
        "reserved_nano_usd": 0,
        "cost_nano_usd": 0,
        "baseline_cost_nano_usd": None,
        "http_status": 402,
        "error_code": "budget_exceeded",
    }


def _extend(batch: _Batch) -> None:
    extensions = batch.of(ExtendEntry)
    if not extensions:
        return
    ledger_sql.update([operation.row for _, operation in extensions], ledger_sql.ATTEMPT_COLUMNS)
    for index, operation in extensions:
        batch.results[index] = Opened(tuple(operation.row["budget_period_ids"]))
