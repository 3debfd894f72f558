"""When the scheduler's entries were due last."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django_celery_beat.models import PeriodicTask

from jobs.domain import periods
from jobs.domain.periods import Cron


def last_due(entry: PeriodicTask, now: datetime) -> datetime | None:
    """Return the last moment up to ``now`` at which an entry was due; None where its schedule names none."""
    if entry.crontab is not None:
        return _cron(entry).latest(now)
    if entry.interval is not None:
        return periods.latest_interval(now, entry.interval.schedule.run_every)
    return None


def period_key(entry_name: str, now: datetime) -> str | None:
    """Return the key of an entry's present period; None where there is no such entry, or it has no periods."""
    entry = PeriodicTask.objects.select_related("crontab", "interval").filter(name=entry_name).first()
    due = last_due(entry, now) if entry else None
    return periods.key(due) if due else None


def _cron(entry: PeriodicTask) -> Cron:
    stored = entry.crontab.schedule
    return Cron(
        minutes=stored.minute,
        hours=stored.hour,
        days_of_week=stored.day_of_week,
        days_of_month=stored.day_of_month,
        months=stored.month_of_year,
        zone=ZoneInfo(str(entry.crontab.timezone)),
    )
