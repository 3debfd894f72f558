"""The ledger's two statements: many rows inserted, many rows settled, each in one go.

PostgreSQL unpacks the whole batch from one JSON document, which costs less than binding each value; SQLite binds rows.
A row is a dict by column name with JSON-ready values: ids and times as text, money as integers. Each has the UTC time
its request came in, also where only other columns are written: the hour is marked as changed in the same transaction,
for the roll-ups.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, models

from accounts.services import prepared_statements
from accounts.services.prepared_statements import Call, OtherCount, Prepared
from routing.models import ChangedHour, LedgerEntry
from routing.services import change_marks

Row = dict[str, Any]

_TABLE = LedgerEntry._meta.db_table
_FIELDS = {str(field.column): field for field in LedgerEntry._meta.concrete_fields}
_JSON = {column for column, field in _FIELDS.items() if isinstance(field, models.JSONField)}
_UUID = {column for column, field in _FIELDS.items() if isinstance(field, models.UUIDField)}
_TIME = {column for column, field in _FIELDS.items() if isinstance(field, models.DateTimeField)}
_ALL = tuple(_FIELDS)

# What a settlement may change; everything else is fixed when the row is written.
SETTLED_COLUMNS = (
    "state",
    "settled_at",
    "provider",
    "served_model",
    "price_snapshot",
    "attempts",
    "attempt_count",
    "is_fallback",
    "is_simulated",
    "is_embedded",
    "is_estimated",
    "is_unpriced",
    "client_disconnected",
    "flags",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "reserved_nano_usd",
    "cost_nano_usd",
    "baseline_cost_nano_usd",
    "savings_nano_usd",
    "latency_ms",
    "first_token_ms",
    "overhead_ms",
    "http_status",
    "finish_reason",
    "error_code",
    "error_message",
)
_INSERT = Prepared(
    "insert_ledger_rows",
    ("json",),
    f"INSERT INTO {_TABLE} ({', '.join(_ALL)}) SELECT {', '.join(_ALL)} "  # noqa: S608
    f"FROM json_populate_recordset(null::{_TABLE}, $1)",
)
# Rows are found by their ids, given once more as an array, because the planner takes any document for a hundred rows.
# It would else take the index of open rows, which keeps all that were closed since the last vacuum, so that every batch
# would look at each of them again. Behind an operator the state is no key of that index.
_SETTLE = prepared_statements.counted(
    "settle_ledger_rows",
    ("json", "uuid[]"),
    f"UPDATE {_TABLE} AS old SET reserved_nano_usd = 0, "  # noqa: S608
    + ", ".join(f"{column} = new.{column}" for column in SETTLED_COLUMNS if column != "reserved_nano_usd")
    + f" FROM json_populate_recordset(null::{_TABLE}, $1) AS new "
    "WHERE old.request_id = ANY($2) AND old.request_id = new.request_id "
    f"AND old.state || '' = '{LedgerEntry.State.PENDING}' AND old.reserved_nano_usd = new.reserved_nano_usd",
    is_by_index=True,
)
_MARK = change_marks.statement(ChangedHour)
ATTEMPT_COLUMNS = ("attempts", "attempt_count", "is_fallback", "reserved_nano_usd", "provider", "served_model")


@dataclass(frozen=True, slots=True)
class Held:
    """What a row holds against budgets now, locked until the transaction ends."""

    state: str
    reserved_nano_usd: int
    cost_nano_usd: int | None
    attempt_count: int
    budget_period_ids: tuple[int, ...]


def insert(rows: Sequence[Row]) -> None:
    """Insert complete rows."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            prepared_statements.execute(cursor, [_marking(rows), (_INSERT, [_document(rows)])])
        else:
            change_marks.mark_texts(ChangedHour, _hours(rows))
            marks = ", ".join(["%s"] * len(_ALL))
            cursor.executemany(
                f"INSERT INTO {_TABLE} ({', '.join(_ALL)}) VALUES ({marks})",  # noqa: S608
                [[_sqlite_value(column, row.get(column)) for column in _ALL] for row in rows],
            )


def writing(new: Sequence[Row], settled: Sequence[Row]) -> list[Call]:
    """Return the statements that insert complete rows and settle others on PostgreSQL.

    They fail unless each row of ``settled`` is still pending and holds exactly its ``reserved_nano_usd``, which becomes
    0.
    """
    calls: list[Call] = [_marking([*new, *settled])] if new or settled else []
    if new:
        calls.append((_INSERT, [_document(new)]))
    if settled:
        ids = ",".join(row["request_id"] for row in settled)
        calls.append((_SETTLE, [_document(settled), f"{{{ids}}}", len(settled)]))
    return calls


def write(new: Sequence[Row], settled: Sequence[Row]) -> bool:
    """Do what ``writing`` does in one exchange, on any database; return False where it is to be rolled back."""
    if connection.vendor != "postgresql":
        if new:
            insert(new)
        return _settle_on_sqlite(settled) == len(settled)
    if calls := writing(new, settled):
        with connection.cursor() as cursor:
            try:
                prepared_statements.execute(cursor, calls)
            except OtherCount:
                return False
    return True


def _settle_on_sqlite(rows: Sequence[Row]) -> int:
    held = hold(row["request_id"] for row in rows)
    open_rows = [row for row in rows if _is_as_expected(held.get(row["request_id"]), row)]
    if open_rows:
        update([{**row, "reserved_nano_usd": 0} for row in open_rows], SETTLED_COLUMNS)
    return len(open_rows)


def _is_as_expected(held: Held | None, row: Row) -> bool:
    return (
        held is not None
        and held.state == LedgerEntry.State.PENDING
        and held.reserved_nano_usd == row["reserved_nano_usd"]
    )


def update(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Set ``columns`` of the rows with the given ``request_id``."""
    change_marks.mark_texts(ChangedHour, _hours(rows))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            assignments = ", ".join(f"{column} = new.{column}" for column in columns)
            cursor.execute(
                f"UPDATE {_TABLE} AS old SET {assignments} "  # noqa: S608
                f"FROM json_populate_recordset(null::{_TABLE}, %s::json) AS new WHERE old.request_id = new.request_id",
                [_document(rows)],
            )
        else:
            assignments = ", ".join(f"{column} = %s" for column in columns)
            cursor.executemany(
                f"UPDATE {_TABLE} SET {assignments} WHERE request_id = %s",  # noqa: S608
                [[_sqlite_value(column, row.get(column)) for column in (*columns, "request_id")] for row in rows],
            )


def hold(request_ids: Iterable[str]) -> dict[str, Held]:
    """Lock these rows and return what each holds, by request id; rows that do not exist are left out."""
    ids = sorted(request_ids)
    if not ids:
        return {}
    with connection.cursor() as cursor:
        columns = "request_id, state, reserved_nano_usd, cost_nano_usd, attempt_count, budget_period_ids"
        select = f"SELECT {columns} FROM {_TABLE} "  # noqa: S608
        if connection.vendor == "postgresql":
            cursor.execute(select + "WHERE request_id = ANY(%s::uuid[]) ORDER BY request_id FOR UPDATE", [ids])
        else:
            marks = ", ".join(["%s"] * len(ids))
            cursor.execute(select + f"WHERE request_id IN ({marks})", [uuid.UUID(one).hex for one in ids])
        return {
            str(uuid.UUID(str(request_id))): Held(state, reserved, cost, attempt_count, tuple(_loads(period_ids)))
            for request_id, state, reserved, cost, attempt_count, period_ids in cursor.fetchall()
        }


def _marking(rows: Iterable[Row]) -> Call:
    return _MARK, change_marks.arguments(_hours(rows))


def _hours(rows: Iterable[Row]) -> set[str]:
    # "2026-03-04T12" as far as the hour; a batch seldom has more than one.
    hours = {row["created_at"][:13] for row in rows}
    return {f"{hour[:10]} {hour[11:]}:00:00" for hour in hours}


def _document(rows: Sequence[Row]) -> str:
    return orjson.dumps(rows).decode()


def _loads(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _sqlite_value(column: str, value: Any) -> Any:
    if value is None:
        return None
    if column in _JSON:
        return orjson.dumps(value).decode()
    if column in _UUID:
        return uuid.UUID(value).hex
    if column in _TIME:
        return str(datetime.fromisoformat(value).replace(tzinfo=None))
    return value
