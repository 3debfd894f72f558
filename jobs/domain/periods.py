"""Which period a run belongs to: the moment at which it was due, whenever it is really started.

Two schedulers, a late one, a message that is delivered twice and a clock that was set all come to the same moment, and
so to the same key.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# A leap day comes every eight years where a century's is left out.
_LONGEST = timedelta(days=366 * 8 + 1)


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments that five fields of cron name; all of them must fit. Sunday is 0."""

    minutes: Collection[int]
    hours: Collection[int]
    days_of_week: Collection[int]
    days_of_month: Collection[int]
    months: Collection[int]
    zone: ZoneInfo

    def latest(self, now: datetime) -> datetime | None:
        """Return the last such moment up to ``now``, in UTC; None where there never was one."""
        local = now.astimezone(self.zone).replace(tzinfo=None)
        day, oldest = local.date(), (local - _LONGEST).date()
        while day >= oldest:
            if self._includes(day) and (found := self._latest_of(day, local)) is not None:
                return found.replace(tzinfo=self.zone).astimezone(UTC)
            day -= timedelta(days=1)
        return None

    def _includes(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days_of_month and day.isoweekday() % 7 in self.days_of_week

    def _latest_of(self, day: date, local: datetime) -> datetime | None:
        moments = (
            datetime.combine(day, time(hour, minute))
            for hour in sorted(self.hours, reverse=True)
            for minute in sorted(self.minutes, reverse=True)
        )
        return next((moment for moment in moments if moment <= local), None)


def latest_interval(now: datetime, every: timedelta) -> datetime:
    """Return the last whole multiple of an interval since 1970, in UTC."""
    seconds = int(every.total_seconds()) or 1
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def key(due: datetime) -> str:
    """Return the key of the period that began at a moment, such as 2026-11-22T02:00Z."""
    return f"{due.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def due_of(period_key: str) -> datetime | None:
    """Return the moment of a key that ``key`` made; None of any other text."""
    try:
        return datetime.strptime(period_key, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None
