"""E7: replicas whose clocks are a week off, and are set meanwhile."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from faults import clocks
from faults.cell import Cell
from faults.cells.providers import good_ones_served
from faults.evidence import Evidence
from faults.load import LONGEST_SECONDS, Plan
from faults.stack import Stack

WEEK_SECONDS = 7 * 86_400
# Two of Europe's nights on which the hour changes, in either direction.
_TURNS: tuple[tuple[int | datetime, int | datetime], ...] = (
    (-WEEK_SECONDS, WEEK_SECONDS),
    (datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC)),
    (datetime(2028, 2, 28, 23, 59, 59, tzinfo=UTC), 0),
)
# Of a row's time against the database's own.
_NEAR = timedelta(minutes=5)


async def turn_back_and_forth(stack: Stack) -> None:
    """Set both clocks: a week back or on, then over a night on which the hour changes, and over a leap day."""
    for pair in _TURNS:
        now = datetime.now(UTC)
        for number, turn in enumerate(pair):
            seconds = clocks.until(turn, now) if isinstance(turn, datetime) else turn
            clocks.turn(stack.clock(number), seconds)
        await asyncio.sleep(1.6)


async def set_right(stack: Stack) -> None:
    for number in range(len(stack.web)):
        clocks.turn(stack.clock(number), 0)


async def times_are_the_database_s(stack: Stack) -> None:
    """Rows and budgets go by the database's clock, durations by one that nobody sets."""
    stack.problems += await asyncio.to_thread(lambda: list(_wrong_times()))


def _wrong_times() -> Iterator[str]:
    from accounts.models import BudgetPeriod
    from feedback.models import ResponseFeedback
    from routing.models import LedgerEntry
    from routing.services import database_clock

    now = database_clock.now()
    for rows in (LedgerEntry.objects, ResponseFeedback.objects):
        far = rows.exclude(created_at__range=(now - _NEAR, now + _NEAR)).count()
        if far:
            yield f"{far} rows of {rows.model.__name__} have the time of a wrong clock"
    days = set(BudgetPeriod.objects.values_list("period_start", flat=True))
    if not days <= {now.date(), (now - _NEAR).date()}:
        yield f"budgets were opened for {sorted(map(str, days))}"
    absurd = LedgerEntry.objects.exclude(latency_ms__range=(0, int(LONGEST_SECONDS * 1000))).exclude(latency_ms=None)
    if absurd.exists():
        yield f"{absurd.count()} requests took {absurd.values_list('latency_ms', flat=True)[0]} ms by the ledger"


def clocks_were_wrong(found: Evidence) -> Iterator[str]:
    """The replicas' own logs tell days that were none; else the cell says nothing."""
    if not any(day in found.logs for day in ("2026-10-25", "2027-03-28", "2028-02-2")):
        yield "no replica's log has a wrong day"


CELLS = (
    Cell(
        "E7",
        "clocks a week off, set back and forth",
        Plan(models=("ok", "ok", "slow_ok_300"), seconds=14.0),
        turn_back_and_forth,
        set_right,
        (good_ones_served, clocks_were_wrong),
        finish=times_are_the_database_s,
        clock_offsets=(WEEK_SECONDS, -WEEK_SECONDS),
    ),
)
