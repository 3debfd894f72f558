"""The settings are the source of their own entries of the schedule; what staff make of it stays."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from celery.schedules import crontab
from django.conf import settings as project
from django.db import OperationalError
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from jobs.beat import Scheduler
from jobs.services import chains, registry, schedules
from jobs.services.registry import is_job

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, tzinfo=UTC)
NIGHTLY = {"task": "a.tasks.b", "schedule": crontab(minute="0", hour="3")}
OFTEN = {"task": "a.tasks.c", "schedule": 60.0, "options": {"expire_seconds": 55}}


def stored(name: str) -> PeriodicTask:
    return PeriodicTask.objects.get(name=name)


def move_to_five() -> None:
    entry = stored("nightly")
    entry.crontab, entry.enabled = CrontabSchedule.objects.create(minute="0", hour="5", timezone="UTC"), False
    entry.save()


def test_entries_are_written_with_their_expiry() -> None:
    schedules.ship({"nightly": NIGHTLY, "often": OFTEN}, now=NOW)

    assert (stored("nightly").crontab.hour, stored("nightly").enabled) == ("3", True)
    assert (stored("often").interval.every, stored("often").expire_seconds) == (60, 55)


def test_what_staff_changed_stays_when_the_scheduler_starts_again() -> None:
    schedules.ship({"nightly": NIGHTLY}, now=NOW)
    move_to_five()

    schedules.ship({"nightly": NIGHTLY}, now=NOW)

    assert (stored("nightly").crontab.hour, stored("nightly").enabled) == ("5", False)


def test_a_new_version_of_an_entry_is_written_and_leaves_it_off() -> None:
    schedules.ship({"nightly": NIGHTLY}, now=NOW)
    move_to_five()

    schedules.ship({"nightly": {**NIGHTLY, "schedule": crontab(minute="30", hour="4")}}, now=NOW)

    assert (stored("nightly").crontab.hour, stored("nightly").enabled) == ("4", False)


def test_entries_that_are_no_more_go_and_staffs_own_stay() -> None:
    schedules.ship({"nightly": NIGHTLY}, now=NOW)
    PeriodicTask.objects.create(name="of staff", task="a.tasks.b", crontab=stored("nightly").crontab)

    schedules.ship({}, now=NOW)

    assert list(PeriodicTask.objects.filter(task="a.tasks.b").values_list("name", flat=True)) == ["of staff"]


def test_an_entry_may_begin_switched_off() -> None:
    schedules.ship({"nightly": {**NIGHTLY, "enabled": False}}, now=NOW)

    assert not stored("nightly").enabled


def names_of(scheduler: Scheduler) -> set[str]:
    scheduler.setup_schedule()
    return {entry.task for entry in scheduler.enabled_models()}


def test_every_entry_and_every_step_names_a_task() -> None:
    scheduled = {entry["task"] for entry in project.CELERY_BEAT_SCHEDULE.values()}

    assert scheduled | set(chains.names()) <= set(registry.names())
    assert all(is_job(name) for name in chains.names())


def test_what_comes_hourly_or_more_rarely_is_recorded_and_what_comes_oftener_is_not() -> None:
    entries: list[dict[str, Any]] = list(project.CELERY_BEAT_SCHEDULE.values())

    assert {entry["task"] for entry in entries if is_job(entry["task"])} == {
        entry["task"] for entry in entries if isinstance(entry["schedule"], crontab)
    }


def test_messages_say_that_they_come_by_the_schedule(settings) -> None:
    schedules.ship({"nightly": NIGHTLY}, now=NOW)

    entry = Scheduler.Entry(stored("nightly"), app=current_app)

    assert entry.options["headers"]["scheduled_entry"] == "nightly"


def test_what_was_done_by_a_clock_that_has_been_set_back_since_is_done_again_in_its_interval() -> None:
    schedules.ship({"often": {"task": "jobs.tasks.sweep", "schedule": 15.0}}, now=NOW)
    PeriodicTask.objects.update(last_run_at=timezone.now() + timedelta(days=7))

    is_due, seconds = Scheduler.Entry(stored("often"), app=current_app).is_due()

    assert (is_due, 14 < seconds <= 15) == (False, True)


def test_scheduler_looks_anew_for_what_is_due_once_its_clock_was_set() -> None:
    class Idle(Scheduler):
        schedule: dict[str, Any] = {}

    scheduler = Idle(app=current_app, lazy=True)
    scheduler.tick()
    planned = scheduler._heap

    scheduler.tick()
    kept = scheduler._heap
    # As if the clock had been a week ahead until now.
    scheduler._clock_ahead_seconds = time.time() - time.monotonic() + 7 * 86_400
    scheduler.tick()

    assert kept is planned
    assert scheduler._heap is not planned


def test_switched_off_the_scheduler_only_lets_what_was_begun_end(settings) -> None:
    settings.ENABLE_SCHEDULER = False

    assert names_of(Scheduler(app=current_app, lazy=True)) == {"jobs.tasks.sweep"}


def test_switched_on_it_starts_what_is_due(settings) -> None:
    assert {"jobs.tasks.sweep", "monitoring.tasks.publish_live"} <= names_of(Scheduler(app=current_app, lazy=True))


def test_scheduler_waits_while_the_database_is_away(caplog) -> None:
    class Away(Scheduler):
        @property
        def schedule(self):
            raise OperationalError("the database system is starting up")

    # Celery ends where a tick raises.
    assert Away(app=current_app, lazy=True).tick() == 5.0
    assert "The database is away" in caplog.text
