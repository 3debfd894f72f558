from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import periods
from jobs.domain.periods import Cron

GREENWICH = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = st.integers(1_704_067_200, 1_861_833_600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def cron(text: str, zone: ZoneInfo = GREENWICH) -> Cron:
    parsed = crontab.from_string(text)
    return Cron(parsed.minute, parsed.hour, parsed.day_of_week, parsed.day_of_month, parsed.month_of_year, zone)


@pytest.mark.parametrize(
    ("text", "now", "due"),
    [
        # 22 November 2026 is a Sunday.
        ("0 2 * * 0", "2026-11-22T02:00", "2026-11-22T02:00"),
        ("0 2 * * 0", "2026-11-22T01:59", "2026-11-15T02:00"),
        ("0 2 * * 0", "2026-11-24T00:00", "2026-11-22T02:00"),
        ("0 0 * * *", "2026-11-22T23:59", "2026-11-22T00:00"),
        ("15 * * * *", "2026-11-22T00:14", "2026-11-21T23:15"),
        ("30 1 1 * *", "2026-03-01T01:00", "2026-02-01T01:30"),
        ("0 0 29 2 *", "2027-06-01T00:00", "2024-02-29T00:00"),
    ],
)
def test_last_due_moment(text: str, now: str, due: str) -> None:
    found = cron(text).latest(datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_day_that_never_comes_has_no_last_moment() -> None:
    february_31 = Cron({0}, {0}, range(7), {31}, {2}, GREENWICH)

    assert february_31.latest(datetime(2026, 11, 22, tzinfo=UTC)) is None


def test_hours_are_those_of_the_schedules_own_zone() -> None:
    # Five in the morning in Berlin is four in UTC in winter and three in summer.
    daily = cron("0 5 * * *", BERLIN)

    assert daily.latest(datetime(2026, 1, 10, 12, tzinfo=UTC)) == datetime(2026, 1, 10, 4, tzinfo=UTC)
    assert daily.latest(datetime(2026, 7, 10, 12, tzinfo=UTC)) == datetime(2026, 7, 10, 3, tzinfo=UTC)


@given(now=MOMENTS, late=st.timedeltas(timedelta(), timedelta(hours=23, minutes=58)))
def test_whoever_is_late_by_less_than_a_period_comes_to_the_same_key(now: datetime, late: timedelta) -> None:
    daily = cron("30 3 * * *")
    due = daily.latest(now)
    assert due is not None

    assert daily.latest(due + late) == due


def test_intervals_count_from_1970() -> None:
    now = datetime(2026, 11, 22, 10, 59, 59, tzinfo=UTC)

    assert periods.latest_interval(now, timedelta(hours=1)) == datetime(2026, 11, 22, 10, tzinfo=UTC)


@given(now=MOMENTS)
def test_a_key_names_its_moment(now: datetime) -> None:
    due = now.replace(second=0, microsecond=0)

    assert periods.due_of(periods.key(due)) == due


def test_other_keys_name_no_moment() -> None:
    assert periods.due_of("message 5f0c") is None
