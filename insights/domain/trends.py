"""How a team's figures go, week by week in ISO 8601: from Monday on, numbered by the year their Thursday is in."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from statistics import median
from typing import Literal

from insights.domain import certainty

WEEKS_BACK = 12
_WEEK = timedelta(days=7)
# Fewer points always look like a trend.
_LEAST_POINTS = 4
_SIGNIFICANT = 0.1

Direction = Literal["rising", "falling", "steady", "unknown"]


@dataclass(frozen=True, slots=True, order=True)
class Week:
    """An ISO week; weeks sort by time."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year}-W{self.number:02}"

    @property
    def starts_on(self) -> date:
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def ends_before(self) -> date:
        return self.starts_on + _WEEK


@dataclass(frozen=True, slots=True)
class DayFigure:
    """One figure of one UTC day as ``part`` of ``whole``: a cost of requests, stars of ratings, hits of requests.

    A figure that is a plain sum, as spend is, has a ``whole`` of None.
    """

    day: date
    part: int
    whole: int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A week's figure; ``value`` is None where there was nothing to divide by."""

    week: Week
    value: float | None
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure over weeks, the oldest first.

    Attributes:
        slope_per_week: Median of the slopes between all pairs of weeks (Theil 1950, Sen 1968), in the figure's unit.
        change: What the slope comes to over all weeks, as a share of their median; None where that is zero.
        p_value: Two-sided, of no trend at all (Mann 1945, Kendall 1975).

    All three are of complete weeks with a value, and None where there are fewer than four.
    """

    points: tuple[Point, ...]
    direction: Direction
    slope_per_week: float | None
    change: float | None
    p_value: float | None


def week_of(day: date) -> Week:
    """Return the ISO week of a day: 2027-01-01, a Friday, is in 2026-W53."""
    year, number, _ = day.isocalendar()
    return Week(year, number)


def weeks_until(last_day: date, count: int = WEEKS_BACK) -> tuple[Week, ...]:
    """Return ``count`` weeks in a row, the last one that of ``last_day``."""
    monday = week_of(last_day).starts_on
    return tuple(week_of(monday - back * _WEEK) for back in reversed(range(count)))


def trend(figures: Iterable[DayFigure], last_day: date, count: int = WEEKS_BACK) -> Trend:
    """Add up days by week and tell where they go; the week of ``last_day`` counts only where that is its Sunday."""
    weeks = weeks_until(last_day, count)
    by_week: dict[Week, list[DayFigure]] = {}
    for figure in figures:
        if figure.day <= last_day:
            by_week.setdefault(week_of(figure.day), []).append(figure)
    points = tuple(_point(week, by_week, last_day) for week in weeks)
    return _judged(points)


def _point(week: Week, by_week: Mapping[Week, list[DayFigure]], last_day: date) -> Point:
    days = by_week.get(week, [])
    part = sum(figure.part for figure in days)
    is_complete = last_day >= week.ends_before - timedelta(days=1)
    if any(figure.whole is not None for figure in days):
        whole = sum(figure.whole or 0 for figure in days)
        return Point(week, part / whole if whole else None, is_complete)
    return Point(week, float(part) if days else None, is_complete)


def _judged(points: tuple[Point, ...]) -> Trend:
    known = [
        (place, point.value) for place, point in enumerate(points) if point.is_complete and point.value is not None
    ]
    if len(known) < _LEAST_POINTS:
        return Trend(points, "unknown", None, None, None)
    slope = median((later - value) / (at - place) for (place, value), (at, later) in combinations(known, 2))
    values = [value for _, value in known]
    p_value = _no_trend(values)
    middle = abs(median(values))
    change = slope * (known[-1][0] - known[0][0]) / middle if middle else None
    return Trend(points, _direction(slope, p_value), slope, change, p_value)


def _direction(slope: float, p_value: float) -> Direction:
    if p_value > _SIGNIFICANT or slope == 0:
        return "steady"
    return "rising" if slope > 0 else "falling"


def _no_trend(values: Sequence[float]) -> float:
    """Return the Mann-Kendall test's p-value, with its corrections for ties and for continuity."""
    score = sum((later > value) - (later < value) for value, later in combinations(values, 2))
    ties = sum(_spread(size) for size in Counter(values).values())
    variance = (_spread(len(values)) - ties) / 18
    if variance <= 0 or score == 0:
        return 1.0
    z = (abs(score) - 1) / math.sqrt(variance)
    return 2 * certainty.normal_cdf(-z)


def _spread(size: int) -> int:
    return size * (size - 1) * (2 * size + 5)
