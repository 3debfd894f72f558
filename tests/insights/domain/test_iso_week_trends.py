"""Figures by ISO week, around New Year above all."""

from datetime import date, timedelta
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from insights.domain import trends
from insights.domain.trends import DayFigure, Week

SUNDAY = date(2027, 1, 10)


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2026, 12, 31), "2026-W53"),
        (date(2027, 1, 1), "2026-W53"),
        (date(2027, 1, 3), "2026-W53"),
        (date(2027, 1, 4), "2027-W01"),
        # A week of the year after already.
        (date(2024, 12, 30), "2025-W01"),
        (date(2021, 1, 3), "2020-W53"),
        (date(2023, 1, 1), "2022-W52"),
    ],
)
def test_weeks_belong_to_the_year_of_their_thursday(day: date, week: str) -> None:
    assert str(trends.week_of(day)) == week


def test_twelve_weeks_back_cross_new_year_without_a_gap() -> None:
    weeks = trends.weeks_until(SUNDAY)
    assert len(weeks) == 12
    assert [str(week) for week in weeks[-3:]] == ["2026-W52", "2026-W53", "2027-W01"]
    assert str(weeks[0]) == "2026-W43"


@settings(max_examples=30)
@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_weeks_follow_each_other_and_sort_by_time(day: date) -> None:
    weeks = trends.weeks_until(day)
    assert weeks[-1].starts_on <= day < weeks[-1].ends_before
    assert [week.starts_on for week in weeks] == [weeks[0].starts_on + timedelta(days=7 * n) for n in range(12)]
    assert sorted(weeks) == list(weeks)


def weekly(values: list[int], *, last_day: date = SUNDAY) -> list[DayFigure]:
    """Return one figure for the Monday of each of the last weeks."""
    weeks = trends.weeks_until(last_day, len(values))
    return [DayFigure(week.starts_on, value) for week, value in zip(weeks, values, strict=True)]


def test_eight_weeks_of_growth_are_a_rise() -> None:
    trend = trends.trend(weekly([1, 2, 3, 4, 5, 6, 7, 8]), SUNDAY, 8)
    assert (trend.direction, trend.slope_per_week) == ("rising", 1.0)
    # Seven weeks at 1 a week, of the median 4.5.
    assert trend.change == pytest.approx(7 / 4.5)
    # All 28 pairs rise; the variance is 8 x 7 x 21 / 18 = 65.33; z = 27 / 8.083.
    assert trend.p_value == pytest.approx(2 * NormalDist().cdf(-27 / (196 / 3) ** 0.5))


def test_ties_widen_no_certainty() -> None:
    trend = trends.trend(weekly([1, 1, 1, 2, 2]), SUNDAY, 5)
    # Six pairs rise. (5 x 4 x 15 - 3 x 2 x 11 - 2 x 1 x 9) / 18 = 12; z = 5 / 3.464.
    assert trend.p_value == pytest.approx(2 * NormalDist().cdf(-5 / 12**0.5))
    assert trend.direction == "steady"


@pytest.mark.parametrize(
    ("values", "direction"),
    [
        ([9, 7, 6, 4, 2, 1], "falling"),
        ([5, 5, 5, 5, 5], "steady"),
        ([0, 0, 0, 0], "steady"),
        ([1, 9, 2, 8, 1], "steady"),
    ],
)
def test_directions(values: list[int], direction: str) -> None:
    assert trends.trend(weekly(values), SUNDAY, len(values)).direction == direction


def test_three_weeks_say_nothing() -> None:
    trend = trends.trend(weekly([1, 2, 3]), SUNDAY)
    assert (trend.direction, trend.slope_per_week, trend.p_value) == ("unknown", None, None)
    assert [point.value for point in trend.points] == [None] * 9 + [1.0, 2.0, 3.0]


def test_a_week_that_is_not_over_is_shown_and_not_judged() -> None:
    saturday = SUNDAY - timedelta(days=1)
    trend = trends.trend(weekly([4, 4, 4, 4, 400]), saturday, 5)
    assert trend.points[-1] == trends.Point(Week(2027, 1), 400.0, is_complete=False)
    assert trend.direction == "steady"


def test_a_rate_is_that_of_the_week_and_not_the_mean_of_its_days() -> None:
    figures = [DayFigure(date(2026, 12, 31), 1, 1), DayFigure(date(2027, 1, 1), 1, 9), DayFigure(SUNDAY, 0, 0)]
    points = trends.trend(figures, SUNDAY, 2).points
    # (1 + 1) / (1 + 9) in the week of New Year; nothing to divide by in the next.
    assert [point.value for point in points] == [0.2, None]


def test_days_after_the_last_one_are_left_out() -> None:
    trend = trends.trend([DayFigure(SUNDAY, 3), DayFigure(SUNDAY + timedelta(days=1), 5)], SUNDAY, 1)
    assert trend.points[0].value == 3.0


@settings(max_examples=30)
@given(st.lists(st.integers(0, 50), min_size=4, max_size=12))
def test_slope_agrees_with_scipy(values: list[int]) -> None:
    trend = trends.trend(weekly(values), SUNDAY, len(values))
    assert trend.slope_per_week == pytest.approx(stats.theilslopes(values)[0])
    assert 0 <= (trend.p_value or 0) <= 1
