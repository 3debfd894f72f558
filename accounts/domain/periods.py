"""Calendar periods of budgets, in UTC."""

from datetime import date
from typing import Literal, get_args

PeriodName = Literal["day", "month"]
PERIOD_NAMES: tuple[PeriodName, ...] = get_args(PeriodName)


def period_start(period: str, today: date) -> date:
    """Return the first day of the period that holds ``today``, a date in UTC; raises ValueError for another period."""
    if period == "day":
        return today
    if period == "month":
        return today.replace(day=1)
    raise ValueError(f"{period!r} is not a budget period: use one of {', '.join(PERIOD_NAMES)}.")
