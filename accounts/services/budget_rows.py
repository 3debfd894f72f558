"""The two statements every booking takes, written out because the ORM's own time would be most of their cost."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from django.db import connection

from accounts.domain.budgeting import PeriodBalance
from accounts.services import prepared_statements
from accounts.services.prepared_statements import Call, OtherCount

_LOCK = """
    SELECT row.id, row.budget_id, row.period_start, budget.period, budget.is_hard,
           row.limit_nano_usd, row.spent_nano_usd, row.reserved_nano_usd, row.overrun_nano_usd
    FROM accounts_budgetperiod AS row JOIN accounts_budget AS budget ON budget.id = row.budget_id
    WHERE row.id IN ({marks}) ORDER BY row.id
"""
_STORE = """
    WITH figures (id, limit_nano_usd, spent, reserved, overrun) AS (VALUES {marks})
    UPDATE accounts_budgetperiod
    SET limit_nano_usd = figures.limit_nano_usd, spent_nano_usd = figures.spent,
        reserved_nano_usd = figures.reserved, overrun_nano_usd = figures.overrun
    FROM figures WHERE accounts_budgetperiod.id = figures.id
"""
# Locks the rows in the order of their ids and moves those that have room; the sums see what others committed meanwhile.
_MOVE = """
    WITH moves (id, spent, reserved, admitted) AS ({moves}),
    locked AS (
        SELECT row.id, budget.is_hard
        FROM accounts_budgetperiod AS row JOIN accounts_budget AS budget ON budget.id = row.budget_id
        WHERE row.id IN (SELECT id FROM moves) ORDER BY row.id {lock}
    )
    UPDATE accounts_budgetperiod AS row
    SET spent_nano_usd = row.spent_nano_usd + moves.spent,
        reserved_nano_usd = row.reserved_nano_usd + moves.reserved,
        overrun_nano_usd = {greatest}(
            0,
            row.spent_nano_usd + moves.spent + row.reserved_nano_usd + moves.reserved - row.limit_nano_usd
        )
    FROM locked JOIN moves ON moves.id = locked.id
    WHERE row.id = locked.id
      AND row.spent_nano_usd + moves.spent >= 0
      AND row.reserved_nano_usd + moves.reserved >= 0
      AND (
          NOT locked.is_hard OR moves.admitted = 0
          OR row.spent_nano_usd + moves.spent + row.reserved_nano_usd + moves.reserved <= row.limit_nano_usd
      )
"""
_MOVE_ON_POSTGRESQL = prepared_statements.counted(
    "move_budget_periods",
    ("bigint[]",) * 4,
    _MOVE.format(moves="SELECT * FROM unnest($1, $2, $3, $4)", lock="FOR UPDATE OF row", greatest="GREATEST"),
)
# What to add to each period: spent, reserved, and how much of the latter is newly admitted.
Moves = Mapping[int, tuple[int, int, int]]


@dataclass(slots=True)
class LockedPeriod:
    """A period row that nobody else can change until the transaction ends."""

    budget_id: int
    period: str
    period_start: date
    balance: PeriodBalance
    _stored: tuple[int, int, int, int]

    def figures(self) -> tuple[int, int, int, int]:
        """Return what a row is to store: limit, spent, reserved and overrun."""
        balance = self.balance
        return (
            balance.limit_nano_usd,
            balance.spent_nano_usd,
            balance.reserved_nano_usd,
            balance.overrun_nano_usd,
        )

    def is_changed(self) -> bool:
        return self.figures() != self._stored


def lock(period_ids: Iterable[int]) -> list[LockedPeriod]:
    """Lock the rows that exist, in the order of their ids, and return them; SQLite's transaction is lock enough."""
    ids = sorted(set(period_ids))
    if not ids:
        return []
    statement = _LOCK.format(marks=_marks(len(ids)))
    if connection.features.has_select_for_update:
        statement += " FOR UPDATE OF row"
    with connection.cursor() as cursor:
        cursor.execute(statement, ids)
        return [_locked(*columns) for columns in cursor.fetchall()]


def moving(moves: Moves) -> Call:
    """Return the statement that moves these periods on PostgreSQL, and fails where one has no room or is gone."""
    figures = [(period_id, *moves[period_id]) for period_id in sorted(moves)]
    return _MOVE_ON_POSTGRESQL, [*(list(column) for column in zip(*figures, strict=True)), len(moves)]


def move(moves: Moves) -> bool:
    """Add to each period; return False where one has no room or is gone, and what was done is to be rolled back."""
    if not moves:
        return True
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            try:
                prepared_statements.execute(cursor, [moving(moves)])
            except OtherCount:
                return False
            return True
        figures = [figure for period_id in sorted(moves) for figure in (period_id, *moves[period_id])]
        values = f"VALUES {', '.join(['(%s, %s, %s, %s)'] * len(moves))}"
        cursor.execute(_MOVE.format(moves=values, lock="", greatest="MAX") + " RETURNING id", figures)
        return len(cursor.fetchall()) == len(moves)


def store(rows: Collection[LockedPeriod]) -> None:
    """Write the figures of the locked rows that were changed, all in one statement."""
    values = [(row.balance.period_id, *row.figures()) for row in rows if row.is_changed()]
    if not values:
        return
    marks = ", ".join([f"({_marks(5)})"] * len(values))
    with connection.cursor() as cursor:
        cursor.execute(_STORE.format(marks=marks), [figure for row in values for figure in row])


def _locked(
    period_id: int,
    budget_id: int,
    period_start: date,
    period: str,
    is_hard: bool,
    limit: int,
    spent: int,
    reserved: int,
    overrun: int,
) -> LockedPeriod:
    balance = PeriodBalance(
        period_id=period_id,
        is_hard=bool(is_hard),
        limit_nano_usd=limit,
        spent_nano_usd=spent,
        reserved_nano_usd=reserved,
    )
    return LockedPeriod(budget_id, period, period_start, balance, (limit, spent, reserved, overrun))


def _marks(count: int) -> str:
    return ", ".join(["%s"] * count)
