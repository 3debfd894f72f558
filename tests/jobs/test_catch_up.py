"""What was missed is caught up once: the last period of each job, by the time of the database."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from celery.schedules import crontab
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from jobs import decorators
from jobs.models import JobRun
from jobs.services import runs, schedules
from jobs.services.catch_up import catch_up

pytestmark = pytest.mark.django_db
NAME = "learning.tasks.watch"
# A Sunday, and the following Tuesday.
SHIPPED = datetime(2025, 11, 2, tzinfo=UTC)
TUESDAY = datetime(2025, 11, 25, 10, tzinfo=UTC)
LAST_WEEK = "2025-11-23T02:00Z"


@pytest.fixture
def weekly() -> PeriodicTask:
    schedules.ship({"weekly": {"task": NAME, "schedule": crontab(minute="0", hour="2", day_of_week="0")}}, now=SHIPPED)
    return PeriodicTask.objects.get(name="weekly")


def keys() -> list[tuple[str | None, str]]:
    return list(JobRun.objects.values_list("period_key", "trigger"))


def test_of_three_missed_weeks_the_last_is_caught_up_once(weekly: PeriodicTask) -> None:
    assert catch_up(now=TUESDAY) == [NAME]
    assert catch_up(now=TUESDAY + timedelta(minutes=5)) == []

    assert keys() == [(LAST_WEEK, "catch_up")]


def test_a_late_scheduler_and_the_catch_up_are_one_run(weekly: PeriodicTask) -> None:
    catch_up(now=TUESDAY)

    run = runs.run(NAME, dict, period_key=LAST_WEEK)

    assert (run.state, JobRun.objects.count()) == ("succeeded", 1)
    assert catch_up(now=TUESDAY) == []


def test_what_is_due_just_now_is_left_to_the_scheduler(weekly: PeriodicTask) -> None:
    runs.run(NAME, dict, period_key="2025-11-16T02:00Z")

    assert catch_up(now=datetime(2025, 11, 23, 2, 1, tzinfo=UTC)) == []


def test_a_schedule_that_is_newer_than_its_last_moment_has_missed_nothing() -> None:
    daily = {"task": NAME, "schedule": crontab(minute="0", hour="2")}
    schedules.ship({"weekly": daily}, now=TUESDAY)

    assert catch_up(now=TUESDAY) == []


def test_what_is_switched_off_misses_nothing(weekly: PeriodicTask, settings) -> None:
    settings.ENABLE_SCHEDULER = False
    assert catch_up(now=TUESDAY) == []
    settings.ENABLE_SCHEDULER = True
    PeriodicTask.objects.filter(name="weekly").update(enabled=False)
    assert catch_up(now=TUESDAY) == []


def test_an_entry_of_staff_is_caught_up_once_it_has_run() -> None:
    nightly = CrontabSchedule.objects.create(minute="0", hour="3", timezone="UTC")
    PeriodicTask.objects.create(name="of staff", task=NAME, crontab=nightly)
    assert catch_up(now=TUESDAY) == []

    JobRun.objects.create(name=NAME, period_key="2025-11-24T03:00Z", created_at=TUESDAY - timedelta(days=1))

    assert catch_up(now=TUESDAY) == [NAME]


def request(**values) -> SimpleNamespace:
    return SimpleNamespace(id="5f0c", headers=values, get=values.get)


def test_a_message_of_the_schedule_belongs_to_the_period_it_was_due_in(weekly: PeriodicTask) -> None:
    key, trigger = decorators.period_of(request(scheduled_entry="weekly"))

    assert str(key).endswith("T02:00Z")
    assert trigger == "schedule"


def test_a_message_of_somebody_else_is_one_wish(weekly: PeriodicTask) -> None:
    assert decorators.period_of(request(periodic_task_name="weekly")) == ("message 5f0c", "manual")
    assert decorators.period_of(request(scheduled_entry="gone")) == ("message 5f0c", "manual")
