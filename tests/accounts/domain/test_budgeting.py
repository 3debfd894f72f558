import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.domain.budgeting import (
    MAX_NANO_USD,
    PeriodBalance,
    PeriodChange,
    Reservation,
    ReservationOutcome,
    admit,
    summed,
)

AMOUNTS = st.integers(0, 60)


def balance(period_id: int, limit: int, *, spent: int = 0, reserved: int = 0, is_hard: bool = True) -> PeriodBalance:
    return PeriodBalance(period_id, is_hard, limit, spent, reserved)


def test_a_reservation_up_to_the_limit_is_admitted_and_one_nano_dollar_more_is_not() -> None:
    day = balance(7, 100, spent=60, reserved=30)

    outcomes = admit([Reservation((1,), 11), Reservation((1,), 10), Reservation((1,), 1)], {1: day})

    assert outcomes == [ReservationOutcome((), 1), ReservationOutcome((7,), None), ReservationOutcome((), 1)]
    assert day.reserved_nano_usd == 40


def test_a_refused_reservation_holds_nothing_in_the_budgets_that_had_room() -> None:
    day, month = balance(7, 1000), balance(8, 5)

    outcomes = admit([Reservation((1, 2), 6)], {1: day, 2: month})

    assert outcomes == [ReservationOutcome((), 2)]
    assert (day.reserved_nano_usd, month.reserved_nano_usd) == (0, 0)


def test_a_soft_budget_never_refuses_and_counts_the_excess_as_overrun() -> None:
    soft = balance(7, 10, is_hard=False)

    outcomes = admit([Reservation((1,), 25)], {1: soft})

    assert outcomes == [ReservationOutcome((7,), None)]
    assert soft.overrun_nano_usd == 15


def test_what_costs_nothing_is_admitted_although_the_limit_is_passed() -> None:
    assert admit([Reservation((1,), 0)], {1: balance(7, 10, spent=12)}) == [ReservationOutcome((7,), None)]


def test_a_budget_named_twice_holds_the_amount_once() -> None:
    day = balance(7, 10)

    assert admit([Reservation((1, 1), 6)], {1: day}) == [ReservationOutcome((7,), None)]
    assert day.reserved_nano_usd == 6


def test_a_budget_that_is_gone_limits_nothing() -> None:
    assert admit([Reservation((1, 2), 6)], {2: balance(8, 10)}) == [ReservationOutcome((8,), None)]


def test_a_double_release_is_held_at_zero_and_reported() -> None:
    day = balance(7, 10, spent=1, reserved=4)

    assert day.apply(reserved_delta=-5, spent_delta=3) is False
    assert (day.spent_nano_usd, day.reserved_nano_usd) == (4, 0)


def test_changes_are_summed_by_period() -> None:
    changes = [PeriodChange(7, -5, 3), PeriodChange(8, -1, 0), PeriodChange(7, -2, 4)]

    assert summed(changes) == {7: (-7, 7), 8: (-1, 0)}


@pytest.mark.parametrize("amount", [-1, MAX_NANO_USD + 1])
def test_an_amount_out_of_range_is_refused_before_it_reaches_a_batch(amount: int) -> None:
    with pytest.raises(ValueError, match="is not in 0"):
        Reservation((1,), amount)


@given(
    amounts=st.lists(st.tuples(st.sets(st.sampled_from([1, 2, 3]), min_size=1), AMOUNTS), max_size=30),
    limits=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS),
)
def test_admitted_amounts_never_pass_a_limit_and_every_refusal_had_a_full_budget(
    amounts: list[tuple[set[int], int]], limits: tuple[int, int, int]
) -> None:
    balances = {budget_id: balance(budget_id, limit) for budget_id, limit in enumerate(limits, 1)}
    held = dict.fromkeys(balances, 0)

    outcomes = admit([Reservation(tuple(sorted(ids)), amount) for ids, amount in amounts], balances)

    for (ids, amount), outcome in zip(amounts, outcomes, strict=True):
        would_pass = [one for one in sorted(ids) if amount and held[one] + amount > limits[one - 1]]
        assert outcome.refused_by == next(iter(would_pass), None)
        assert outcome.period_ids == (() if would_pass else tuple(sorted(ids)))
        held.update({one: held[one] + amount for one in ids if not would_pass})
    assert held == {budget_id: one.reserved_nano_usd for budget_id, one in balances.items()}
    assert all(held[budget_id] <= limits[budget_id - 1] for budget_id in held)
