from datetime import date

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Budget, BudgetPeriod
from accounts.services import budgets
from accounts.services.budgets import PeriodChange, Reservation
from tests import factories

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 4)


def budget(limit: int, *, period: str = "day", is_hard: bool = True) -> Budget:
    return budgets.set_budget(team=factories.team(), period=period, limit_nano_usd=limit, today=TODAY, is_hard=is_hard)


def opened_period(of: Budget) -> int:
    with transaction.atomic():
        return budgets.reserve([Reservation((of.id,), 0)], TODAY)[0].period_ids[0]


def figures(period_id: int) -> tuple[int, int, int]:
    row = BudgetPeriod.objects.get(id=period_id)
    return row.spent_nano_usd, row.reserved_nano_usd, row.overrun_nano_usd


def at_once(changes: list[PeriodChange], reservations: list[tuple[tuple[int, ...], int]]) -> bool:
    with transaction.atomic():
        is_booked = budgets.move_at_once(budgets.moves(changes, reservations))
        transaction.set_rollback(not is_booked)
        return is_booked


def test_a_period_is_known_once_it_has_been_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test's budget may have had the same number.
    monkeypatch.setattr(budgets, "_known_periods", {})
    day = budget(100)
    assert budgets.known_periods((day.id,), TODAY) is None
    period_id = opened_period(day)
    assert budgets.known_periods((day.id,), TODAY) == (period_id,)


def test_a_batch_with_room_is_booked_with_one_statement() -> None:
    period_id = opened_period(budget(100))
    assert at_once([], [((period_id,), 30), ((period_id,), 20)])
    assert at_once([PeriodChange(period_id, -30, 10)], [((period_id,), 40)])
    # 30 and 20 held, 30 given back, 10 spent, 40 more held.
    assert figures(period_id) == (10, 60, 0)


def test_a_batch_without_room_for_all_is_refused_and_leaves_no_trace() -> None:
    period_id = opened_period(budget(100))
    with transaction.atomic():
        assert not budgets.move_at_once(budgets.moves([], [((period_id,), 60), ((period_id,), 41)]))
        transaction.set_rollback(True)
    assert figures(period_id) == (0, 0, 0)


def test_what_fills_the_limit_exactly_has_room() -> None:
    period_id = opened_period(budget(100))
    assert at_once([], [((period_id,), 100)])


def test_a_full_hard_budget_still_settles() -> None:
    period_id = opened_period(budget(100))
    assert at_once([], [((period_id,), 100)])
    assert at_once([PeriodChange(period_id, -100, 130)], [])
    assert figures(period_id) == (130, 0, 30)


def test_a_soft_budget_admits_everything_and_shows_the_excess() -> None:
    period_id = opened_period(budget(100, is_hard=False))
    assert at_once([], [((period_id,), 250)])
    assert figures(period_id) == (0, 250, 150)


def test_a_deleted_period_is_not_booked() -> None:
    period_id = opened_period(budget(100))
    BudgetPeriod.objects.filter(id=period_id).delete()
    assert not at_once([], [((period_id,), 1)])


def test_releasing_more_than_is_held_is_left_to_the_careful_way() -> None:
    period_id = opened_period(budget(100))
    assert not at_once([PeriodChange(period_id, -1, 0)], [])


def test_booking_at_once_outside_a_transaction_is_refused(transactional_db: None) -> None:
    with pytest.raises(RuntimeError):
        budgets.move_at_once({})


moves = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(limit=st.integers(0, 150), amounts=moves, is_hard=st.booleans())
def test_it_books_what_the_careful_way_would_or_nothing(
    limit: int, amounts: list[tuple[int, int]], is_hard: bool
) -> None:
    with transaction.atomic():
        one, other = (budget(limit, is_hard=is_hard) for _ in range(2))
        first, second = opened_period(one), opened_period(other)
        for reserve, cost in amounts:
            outcome = budgets.reserve([Reservation((one.id,), reserve)], TODAY)[0]
            savepoint = transaction.savepoint()
            is_booked = budgets.move_at_once(budgets.moves([], [((second,), reserve)]))
            assert is_booked == (outcome.refused_by is None)
            if is_booked:
                transaction.savepoint_commit(savepoint)
                budgets.apply_changes([PeriodChange(first, -reserve, cost)])
                assert budgets.move_at_once(budgets.moves([PeriodChange(second, -reserve, cost)], []))
            else:
                transaction.savepoint_rollback(savepoint)
            assert figures(first) == figures(second)
        assert connection.in_atomic_block
        transaction.set_rollback(True)
