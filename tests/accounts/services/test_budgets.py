import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from accounts.models import Budget, BudgetPeriod, ConfigVersion, Team
from accounts.services import budgets
from accounts.services.budgets import PeriodChange, Reservation
from tests import factories

TODAY = date(2026, 3, 4)
TOMORROW = date(2026, 3, 5)
NEXT_MONTH = date(2026, 4, 1)


def budget(limit: int, *, team: Team | None = None, period: str = "day", is_hard: bool = True) -> Budget:
    return budgets.set_budget(
        team=team or factories.team(), period=period, limit_nano_usd=limit, today=TODAY, is_hard=is_hard
    )


def figures(of: Budget, start: date = TODAY) -> tuple[int, int, int, int]:
    """Return limit, spent, reserved and overrun."""
    return BudgetPeriod.objects.values_list(
        "limit_nano_usd", "spent_nano_usd", "reserved_nano_usd", "overrun_nano_usd"
    ).get(budget=of, period_start=start)


def reserve(*reservations: Reservation, today: date = TODAY) -> list[budgets.ReservationOutcome]:
    with transaction.atomic():
        return budgets.reserve(reservations, today)


def apply(*changes: PeriodChange) -> None:
    with transaction.atomic():
        budgets.apply_changes(changes)


def run_in_threads(count: int, work: Callable[[int], object]) -> list[object]:
    """Run ``work`` at once in threads with connections of their own; raises what any of them raised."""
    start = threading.Barrier(count)

    def run(number: int) -> object:
        start.wait()
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db
def test_a_reservation_makes_the_period_rows_and_holds_its_amount_in_each() -> None:
    team = factories.team()
    day, month = budget(100, team=team), budget(1000, team=team, period="month")

    [outcome] = reserve(Reservation((day.id, month.id), 40))

    rows = {row.budget_id: row for row in BudgetPeriod.objects.all()}
    assert outcome.period_ids == (rows[day.id].id, rows[month.id].id)
    assert (rows[day.id].period_start, rows[month.id].period_start) == (TODAY, date(2026, 3, 1))
    assert figures(day) == (100, 0, 40, 0)
    assert figures(month, date(2026, 3, 1)) == (1000, 0, 40, 0)


@pytest.mark.django_db
def test_settling_gives_the_reservation_back_and_spends_the_cost() -> None:
    day = budget(100)
    [outcome] = reserve(Reservation((day.id,), 40))

    apply(PeriodChange(outcome.period_ids[0], reserved_delta=-40, spent_delta=25))

    assert figures(day) == (100, 25, 0, 0)


@pytest.mark.django_db
def test_an_answer_dearer_than_its_reservation_is_counted_in_full_and_shows_as_overrun() -> None:
    day = budget(100)
    [outcome] = reserve(Reservation((day.id,), 90))

    apply(PeriodChange(outcome.period_ids[0], reserved_delta=-90, spent_delta=130))

    assert figures(day) == (100, 130, 0, 30)
    assert reserve(Reservation((day.id,), 1))[0].refused_by == day.id


@pytest.mark.django_db
def test_a_batch_of_two_budgets_takes_two_statements(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    team = factories.team()
    both = (budget(1000, team=team).id, budget(1000, team=team, period="month").id)
    reserve(Reservation(both, 1))

    with transaction.atomic(), django_assert_num_queries(2):
        outcomes = budgets.reserve([Reservation(both, 1)] * 64, TODAY)

    assert [outcome.refused_by for outcome in outcomes] == [None] * 64


@pytest.mark.django_db
def test_booking_releases_before_it_reserves() -> None:
    day = budget(100)
    [outcome] = reserve(Reservation((day.id,), 100))

    with transaction.atomic():
        changes = [PeriodChange(outcome.period_ids[0], reserved_delta=-100, spent_delta=30)]
        outcomes = budgets.book(changes, [Reservation((day.id,), 70)], TODAY)

    assert outcomes == [budgets.ReservationOutcome(outcome.period_ids, None)]
    assert figures(day) == (100, 30, 70, 0)


@pytest.mark.django_db
def test_a_new_day_starts_from_zero_and_the_month_goes_on() -> None:
    team = factories.team()
    day, month = budget(100, team=team), budget(150, team=team, period="month")
    reserve(Reservation((day.id, month.id), 100))

    outcomes = reserve(Reservation((day.id, month.id), 60), Reservation((day.id, month.id), 50), today=TOMORROW)

    assert [outcome.refused_by for outcome in outcomes] == [month.id, None]
    assert figures(day, TOMORROW) == (100, 0, 50, 0)
    assert reserve(Reservation((month.id,), 150), today=NEXT_MONTH)[0].refused_by is None


@pytest.mark.django_db
def test_a_request_over_midnight_is_settled_in_the_period_it_was_reserved_in() -> None:
    day = budget(100)
    [before] = reserve(Reservation((day.id,), 80))
    reserve(Reservation((day.id,), 10), today=TOMORROW)

    apply(PeriodChange(before.period_ids[0], reserved_delta=-80, spent_delta=70))

    assert figures(day) == (100, 70, 0, 0)
    assert figures(day, TOMORROW) == (100, 0, 10, 0)


@pytest.mark.django_db
def test_a_day_budget_on_the_first_of_a_month_is_not_taken_for_a_month() -> None:
    day = budget(100)
    reserve(Reservation((day.id,), 100), today=date(2026, 3, 1))

    assert reserve(Reservation((day.id,), 100), today=TODAY)[0].refused_by is None


@pytest.mark.django_db
def test_a_limit_lowered_under_what_is_spent_admits_nothing_more_and_cancels_nothing() -> None:
    day = budget(100)
    [outcome] = reserve(Reservation((day.id,), 60))

    budgets.change_limit(day, 50, today=TODAY)

    assert figures(day) == (50, 0, 60, 10)
    assert reserve(Reservation((day.id,), 1))[0].refused_by == day.id
    apply(PeriodChange(outcome.period_ids[0], reserved_delta=-60, spent_delta=20))
    assert figures(day) == (50, 20, 0, 0)


@pytest.mark.django_db
def test_a_raised_limit_admits_again_at_once() -> None:
    day = budget(50)
    reserve(Reservation((day.id,), 50))

    budgets.change_limit(day, 80, today=TODAY)

    assert reserve(Reservation((day.id,), 30))[0].refused_by is None
    assert figures(day) == (80, 0, 80, 0)


@pytest.mark.django_db
def test_a_budget_made_hard_refuses_at_once() -> None:
    soft = budget(10, is_hard=False)
    reserve(Reservation((soft.id,), 30))
    Budget.objects.filter(id=soft.id).update(is_hard=True)

    assert reserve(Reservation((soft.id,), 1))[0].refused_by == soft.id


@pytest.mark.django_db
def test_changes_of_a_deleted_budget_are_dropped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    day, kept = budget(100), budget(100)
    [gone], [other] = reserve(Reservation((day.id,), 10)), reserve(Reservation((kept.id,), 10))
    day.delete()

    with caplog.at_level(logging.WARNING):
        apply(PeriodChange(gone.period_ids[0], -10, 5), PeriodChange(other.period_ids[0], -10, 5))

    assert f"Budget period {gone.period_ids[0]} no longer exists" in caplog.text
    assert figures(kept) == (100, 5, 0, 0)
    assert reserve(Reservation((kept.id + 1000,), 10_000))[0] == budgets.ReservationOutcome((), None)


@pytest.mark.django_db
def test_a_period_row_that_was_deleted_is_made_again() -> None:
    day = budget(100)
    reserve(Reservation((day.id,), 90))
    BudgetPeriod.objects.filter(budget=day).delete()

    [outcome] = reserve(Reservation((day.id,), 80))

    assert outcome.refused_by is None
    assert figures(day) == (100, 0, 80, 0)


@pytest.mark.django_db
def test_a_row_made_in_a_transaction_that_was_rolled_back_is_not_believed() -> None:
    first, second = budget(100), budget(100)
    with transaction.atomic():
        budgets.reserve([Reservation((first.id,), 10)], TODAY)
        transaction.set_rollback(True)
    reserve(Reservation((second.id,), 20))

    reserve(Reservation((first.id,), 30))

    assert (figures(first), figures(second)) == ((100, 0, 30, 0), (100, 0, 20, 0))


@pytest.mark.django_db
def test_setting_a_budget_again_changes_it_and_tells_the_gateways() -> None:
    team = factories.team()
    first = budget(100, team=team)
    before = ConfigVersion.objects.get().version

    second = budget(70, team=team)

    assert (second.id, second.limit_nano_usd) == (first.id, 70)
    assert ConfigVersion.objects.get().version == before + 1


@pytest.mark.django_db
def test_a_budget_of_another_teams_key_is_refused() -> None:
    key, _ = factories.api_key()
    with pytest.raises(budgets.InvalidBudget, match="is not one of the team"):
        budgets.set_budget(team=factories.team(), api_key=key, period="day", limit_nano_usd=1, today=TODAY)


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [-1, 10**18 + 1])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(budgets.InvalidBudget, match="is not valid: use 0 to"):
        budget(limit)


@pytest.mark.django_db(transaction=True)
def test_booking_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="inside atomic"):
        budgets.reserve([], TODAY)


@pytest.mark.django_db(transaction=True)
def test_200_racing_reservations_never_overspend_not_even_on_the_first_request_of_a_day() -> None:
    team = factories.team()
    day, month = budget(1000, team=team), budget(700, team=team, period="month")
    overspent: list[tuple[int, ...]] = []
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(0.01):
            rows = BudgetPeriod.objects.values_list("limit_nano_usd", "spent_nano_usd", "reserved_nano_usd")
            overspent.extend(row for row in rows if row[1] + row[2] > row[0])
        connection.close()

    def race(number: int) -> int:
        admitted = 0
        for _ in range(10):
            [outcome] = reserve(Reservation((day.id, month.id), 9))
            admitted += outcome.refused_by is None
        return admitted

    watcher = threading.Thread(target=watch)
    watcher.start()
    admitted = run_in_threads(20, race)
    finished.set()
    watcher.join()

    # 200 wishes of 9 are 1800; the month has room for 77 of them, which are 693.
    assert sum(admitted) == 77  # type: ignore[arg-type]
    assert figures(day) == (1000, 0, 693, 0)
    assert figures(month, date(2026, 3, 1)) == (700, 0, 693, 0)
    assert overspent == []


@pytest.mark.django_db(transaction=True)
def test_batches_that_name_the_same_budgets_in_other_orders_never_deadlock_and_end_at_zero_reserved() -> None:
    team = factories.team()
    of_team = [budget(10_000, team=team), budget(10_000, team=team, period="month")]
    others = [budget(10_000) for _ in range(2)]
    ids = [one.id for one in (*of_team, *others)]
    periods = dict(zip(ids, reserve(Reservation(tuple(ids), 0))[0].period_ids, strict=True))

    def book(number: int) -> None:
        order = ids if number % 2 else ids[::-1]
        for _ in range(15):
            for changes in ([], [PeriodChange(periods[one], -3, 2) for one in order]):
                with transaction.atomic():
                    wishes = [Reservation((one,), 0 if changes else 3) for one in order]
                    budgets.book(changes, wishes, TODAY)

    run_in_threads(6, book)

    # 6 threads settled 15 requests of 2 in each budget.
    stored = BudgetPeriod.objects.values_list("spent_nano_usd", "reserved_nano_usd", "overrun_nano_usd")
    assert list(stored) == [(180, 0, 0)] * 4


@pytest.mark.django_db(transaction=True)
def test_a_limit_changed_amid_the_race_is_in_force_when_it_ends() -> None:
    day = budget(100)

    def race(number: int) -> None:
        for step in range(10):
            if number == 0:
                budgets.change_limit(day, 40 + step, today=TODAY)
            else:
                [outcome] = reserve(Reservation((day.id,), 7))
                apply(*(PeriodChange(period_id, -7, 1) for period_id in outcome.period_ids))

    run_in_threads(5, race)

    limit, spent, reserved, overrun = figures(day)
    assert (limit, reserved, overrun) == (49, 0, 0)
    assert 0 < spent <= 40


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.sampled_from([(0,), (1,), (0, 1), (1, 2), (0, 1, 2)]), st.integers(0, 60)),
        st.tuples(st.just("settle"), st.integers(0, 50), st.integers(0, 80)),
        st.tuples(st.just("limit"), st.integers(0, 2), st.integers(0, 150)),
    ),
    max_size=25,
)


class Model:
    """The rules again in the plainest form: sums over lists, nothing kept."""

    def __init__(self) -> None:
        self.limits = [100, 100, 100]
        self.spent: list[list[int]] = [[], [], []]
        self.open: list[tuple[tuple[int, ...], int]] = []

    def held(self, of: int) -> int:
        return sum(amount for places, amount in self.open if of in places)

    def first_full(self, places: Sequence[int], amount: int) -> int | None:
        """The third budget is soft."""
        full = [
            one
            for one in places
            if one != 2 and amount and sum(self.spent[one]) + self.held(one) + amount > self.limits[one]
        ]
        return full[0] if full else None

    def figures(self, of: int) -> tuple[int, int, int, int]:
        spent, reserved = sum(self.spent[of]), self.held(of)
        return self.limits[of], spent, reserved, max(0, spent + reserved - self.limits[of])


class Machine:
    """Plays the steps on the database and on the model and compares them after each."""

    def __init__(self) -> None:
        team = factories.team()
        self.model = Model()
        self.budgets = [
            budget(100, team=team),
            budget(100, team=team, period="month"),
            budget(100, team=team, is_hard=False),
        ]
        [outcome] = reserve(Reservation(tuple(one.id for one in self.budgets), 0))
        self.period_ids = outcome.period_ids

    def reserve(self, places: tuple[int, ...], amount: int) -> None:
        expected = self.model.first_full(places, amount)
        [outcome] = reserve(Reservation(tuple(self.budgets[one].id for one in places), amount))
        assert outcome.refused_by == (None if expected is None else self.budgets[expected].id)
        self.model.open += [(places, amount)] if expected is None else []

    def settle(self, number: int, cost: int) -> None:
        for places, amount in [self.model.open.pop(number % len(self.model.open))] if self.model.open else []:
            apply(*(PeriodChange(self.period_ids[one], -amount, cost) for one in places))
            for one in places:
                self.model.spent[one].append(cost)

    def limit(self, of: int, limit: int) -> None:
        budgets.change_limit(self.budgets[of], limit, today=TODAY)
        self.model.limits[of] = limit

    def check(self) -> None:
        stored = {
            row[0]: row[1:]
            for row in BudgetPeriod.objects.filter(id__in=self.period_ids).values_list(
                "id", "limit_nano_usd", "spent_nano_usd", "reserved_nano_usd", "overrun_nano_usd"
            )
        }
        assert [stored[period_id] for period_id in self.period_ids] == [self.model.figures(of) for of in range(3)]


@pytest.mark.django_db
@given(steps=STEPS)
@settings(max_examples=40, deadline=None)
def test_any_order_of_reserving_settling_and_changing_limits_matches_the_model(
    steps: list[tuple[str, int, int]],
) -> None:
    machine = Machine()
    for name, *arguments in steps:
        getattr(machine, name)(*arguments)
        machine.check()
    for _ in list(machine.model.open):
        machine.settle(0, 1)
    machine.check()
    assert [machine.model.figures(of)[2] for of in range(3)] == [0, 0, 0]
