"""Spending limits that concurrency cannot pass.

Every write locks the period rows it needs in the order of their ids, so that two processes never wait for each other in
a circle. Where a whole batch has room, ``move_at_once`` moves the rows with one conditional statement; ``book`` decides
each reservation on the locked figures and stores them with one update. The table's CHECK constraint refuses whatever
would pass a limit unseen (docs/adr/0006).
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from django.db import connection, transaction
from django.db.models import Q

from accounts.domain.budgeting import (
    MAX_NANO_USD,
    PeriodBalance,
    PeriodChange,
    Reservation,
    ReservationOutcome,
    admit,
    summed,
)
from accounts.domain.periods import PERIOD_NAMES, period_start
from accounts.models import ApiKey, Budget, BudgetPeriod, Team
from accounts.services import config_version
from accounts.services.budget_rows import LockedPeriod, Moves, lock, move, moving, store

__all__ = [
    "InvalidBudget",
    "Moves",
    "PeriodChange",
    "Reservation",
    "ReservationOutcome",
    "apply_changes",
    "book",
    "change_limit",
    "known_periods",
    "move_at_once",
    "moves",
    "moving",
    "remove",
    "reserve",
    "set_budget",
]

logger = logging.getLogger(__name__)

# Period row of a budget on a day. An entry is only a hint: it is checked against the locked row, because the row may
# have been deleted, or rolled back with the transaction that made it.
_known_periods: dict[tuple[int, date], int] = {}
_KNOWN_PERIODS_MAX = 10_000


class InvalidBudget(ValueError):
    """The limit is out of range, or the key is not one of the team."""


def reserve(reservations: Sequence[Reservation], today: date) -> list[ReservationOutcome]:
    """Hold each amount in the current period of all its budgets, or in none; call it in the caller's transaction.

    Period rows are made when absent, with the budget's limit of that moment. Soft budgets never refuse. A request that
    costs nothing is admitted even where nothing is left. Budgets that no longer exist limit nothing.

    Returns:
        One outcome a reservation, in the same order.
    """
    return book((), reservations, today)


def apply_changes(changes: Iterable[PeriodChange]) -> None:
    """Release and spend in the periods named; call it in the caller's transaction.

    What passes a limit goes to ``overrun_nano_usd``. Changes to periods that no longer exist are logged and dropped.
    A transaction that also reserves must use ``book``, which locks the rows of both in one order.
    """
    _require_transaction()
    sums = summed(changes)
    rows = lock(sums)
    _apply(sums, rows)
    store(rows)


def book(changes: Iterable[PeriodChange], reservations: Sequence[Reservation], today: date) -> list[ReservationOutcome]:
    """Apply the changes and then decide the reservations, so that what is released is free at once.

    Args:
        changes: As for ``apply_changes``.
        reservations: As for ``reserve``.
        today: The date in UTC whose periods the reservations count against.
    """
    _require_transaction()
    sums = summed(changes)
    budget_ids = {budget_id for reservation in reservations for budget_id in reservation.budget_ids}
    rows, current = _locked_for(budget_ids, sums, today)
    _apply(sums, rows)
    outcomes = admit(reservations, current)
    store(rows)
    return outcomes


def known_periods(budget_ids: Iterable[int], today: date) -> tuple[int, ...] | None:
    """Return the current periods of these budgets from memory, None when one is not known yet."""
    found = tuple(_known_periods.get((budget_id, today), 0) for budget_id in budget_ids)
    return None if 0 in found else found


def moves(changes: Iterable[PeriodChange], reservations: Iterable[tuple[tuple[int, ...], int]]) -> Moves:
    """Return what applying all changes and holding all amounts adds to each period.

    Args:
        changes: As for ``book``.
        reservations: For each the periods that are to hold it (``known_periods``) and its nano-dollars.
    """
    added = {period_id: (spent, reserved, 0) for period_id, (reserved, spent) in summed(changes).items()}
    for period_ids, amount in reservations:
        for period_id in period_ids:
            spent, reserved, admitted = added.get(period_id, (0, 0, 0))
            added[period_id] = (spent, reserved + amount, admitted + amount)
    return added


def move_at_once(added: Moves) -> bool:
    """Add to all periods with one statement; return False when not every one of them has room.

    This is the ordinary case on the way of a request: the rows exist and every budget has room for the whole batch.
    After False the transaction must be rolled back; ``book`` then decides each reservation for itself.
    """
    _require_transaction()
    return move(added)


def set_budget(
    *,
    team: Team,
    period: str,
    limit_nano_usd: int,
    today: date,
    api_key: ApiKey | None = None,
    is_hard: bool = True,
) -> Budget:
    """Create the team's (or the key's) budget of this period and kind, or change its limit; raises InvalidBudget."""
    _check_limit(limit_nano_usd)
    period_start(period, today)
    if api_key is not None and api_key.team_id != team.id:
        raise InvalidBudget(f"The key {api_key.prefix} is not one of the team {team.slug}: name a key of this team.")
    with transaction.atomic():
        budget, _ = Budget.objects.get_or_create(
            team=team,
            api_key=api_key,
            period=period,
            is_hard=is_hard,
            defaults={"limit_nano_usd": limit_nano_usd},
        )
        return change_limit(budget, limit_nano_usd, today=today)


def change_limit(budget: Budget, limit_nano_usd: int, *, today: date) -> Budget:
    """Set a limit from now on, in the current period too; raises InvalidBudget.

    A limit under what is spent and reserved cancels nothing; the excess shows as overrun and nothing more is admitted.
    """
    _check_limit(limit_nano_usd)
    with transaction.atomic():
        # Making a period row locks its budget, so no row with the former limit can appear behind this.
        Budget.objects.select_for_update(no_key=True).get(id=budget.id)
        Budget.objects.filter(id=budget.id).update(limit_nano_usd=limit_nano_usd)
        current = BudgetPeriod.objects.filter(budget_id=budget.id, period_start__gte=period_start(budget.period, today))
        rows = lock(current.values_list("id", flat=True))
        for row in rows:
            row.balance.limit_nano_usd = limit_nano_usd
        store(rows)
        config_version.bump()
    budget.limit_nano_usd = limit_nano_usd
    return budget


def remove(budget: Budget) -> None:
    """Limit nothing by this budget any more; what requests under way hold in it is dropped as they end."""
    with transaction.atomic():
        Budget.objects.filter(id=budget.id).delete()
        config_version.bump()


def _locked_for(
    budget_ids: set[int], other_period_ids: Iterable[int], today: date
) -> tuple[list[LockedPeriod], dict[int, PeriodBalance]]:
    """Return all locked rows, and the balance of the current period by budget id."""
    known = {budget_id: _known_periods.get((budget_id, today)) for budget_id in budget_ids}
    hints = {period_id for period_id in known.values() if period_id is not None}
    if len(hints) < len(budget_ids):
        hints = _find_or_create(budget_ids, today)
    rows = lock({*hints, *other_period_ids})
    current = _current(rows, budget_ids, today)
    if len(current) < len(hints):
        rows = lock({*_find_or_create(budget_ids, today), *other_period_ids})
        current = _current(rows, budget_ids, today)
    return rows, current


def _current(rows: Iterable[LockedPeriod], budget_ids: set[int], today: date) -> dict[int, PeriodBalance]:
    return {
        row.budget_id: row.balance
        for row in rows
        if row.budget_id in budget_ids and row.period_start == period_start(row.period, today)
    }


def _find_or_create(budget_ids: set[int], today: date) -> set[int]:
    """Return the ids of the current period rows of the budgets that exist, and remember them."""
    periods = _find(budget_ids, today)
    missing = budget_ids - periods.keys()
    if missing:
        _create(missing, today)
        periods |= _find(missing, today)
    if len(_known_periods) > _KNOWN_PERIODS_MAX:
        _known_periods.clear()
    _known_periods.update({(budget_id, today): period_id for budget_id, period_id in periods.items()})
    return set(periods.values())


def _find(budget_ids: set[int], today: date) -> dict[int, int]:
    is_current = Q()
    for period in PERIOD_NAMES:
        is_current |= Q(budget__period=period, period_start=period_start(period, today))
    rows = BudgetPeriod.objects.filter(is_current, budget_id__in=budget_ids).order_by()
    return dict(rows.values_list("budget_id", "id"))


def _create(budget_ids: set[int], today: date) -> None:
    # The lock keeps a budget from being deleted, and its limit from changing, before its new row is committed.
    budgets = Budget.objects.select_for_update(no_key=True).filter(id__in=budget_ids).order_by("id")
    rows = [
        BudgetPeriod(
            budget_id=budget.id,
            period_start=period_start(budget.period, today),
            limit_nano_usd=budget.limit_nano_usd,
        )
        for budget in budgets
    ]
    BudgetPeriod.objects.bulk_create(rows, ignore_conflicts=True)


def _apply(sums: Mapping[int, tuple[int, int]], rows: Iterable[LockedPeriod]) -> None:
    balances = {row.balance.period_id: row.balance for row in rows}
    for period_id, (reserved_delta, spent_delta) in sums.items():
        balance = balances.get(period_id)
        if balance is None:
            logger.warning("Budget period %s no longer exists; its release and spending are dropped.", period_id)
        elif not balance.apply(reserved_delta=reserved_delta, spent_delta=spent_delta):
            logger.error("Budget period %s was released more than it held; it is kept at zero.", period_id)


def _check_limit(limit_nano_usd: int) -> None:
    if not 0 <= limit_nano_usd <= MAX_NANO_USD:
        raise InvalidBudget(f"A limit of {limit_nano_usd} nano-dollars is not valid: use 0 to {MAX_NANO_USD}.")


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("Budgets are booked in the transaction of what they pay for: call this inside atomic().")
