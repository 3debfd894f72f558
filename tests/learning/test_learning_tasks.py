from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.test import override_settings
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from jobs.models import JobRun
from jobs.services.runs import SomeFailed
from learning import tasks
from learning.models import LearningAlert, RetrainingRun
from learning.selectors import schedule
from optimizer_project.celery import app
from routing.models import PolicyVersion
from tests import factories
from tests.learning.rated_models import NOW, catalog, rate

pytestmark = pytest.mark.django_db

SHARES = {"exploration_share": 0.0, "random_share": 0.0}


@pytest.fixture(autouse=True)
def at_one_in_the_afternoon():
    with time_machine.travel(NOW, tick=False):
        yield


def start_beat() -> None:
    """Store the schedule of the settings as beat's scheduler does when it starts."""
    for name, entry in app.conf.beat_schedule.items():
        ModelEntry.from_entry(name, app=app, **entry)


def stored(name: str) -> PeriodicTask:
    return PeriodicTask.objects.select_related("crontab").get(name=name)


@pytest.fixture
def daily() -> PeriodicTask:
    """The row of the daily retraining, which tests that empty all tables may have taken away."""
    import_module("learning.migrations.0005_daily_retraining").add(apps, None)
    return stored("retrain-daily")


def test_the_scheduled_run_retrains_every_policy() -> None:
    catalog()
    alone = factories.team(learns_alone=True)
    rate(factories.team(), 10)
    rate(alone, 10)

    tasks.retrain()

    assert {policy.team_id for policy in PolicyVersion.objects.filter(state="active")} == {None, alone.id}
    assert set(RetrainingRun.objects.values_list("trigger", "actor")) == {("schedule", "schedule")}


def test_a_second_run_of_the_week_changes_nothing() -> None:
    catalog()
    rate(factories.team(), 10)

    tasks.retrain()
    tasks.retrain()

    assert PolicyVersion.objects.count() == 1


def test_one_policy_that_fails_stops_none_of_the_others() -> None:
    catalog()
    alone = factories.team("alone", learns_alone=True)
    rate(factories.team(), 10)
    document: dict[str, Any] = {
        "schema": 1,
        "strategy": "hybrid",
        "overrides": [],
        "quality_floor": None,
        "tolerance": 9,
        **SHARES,
    }
    PolicyVersion.objects.create(
        document=document, source="staff", content_hash="", state="active", created_by="ann", created_at=NOW
    )
    rate(alone, 10)

    with pytest.raises(SomeFailed, match=r"^Failed for all teams: InvalidPolicy: "):
        tasks.retrain()

    assert list(PolicyVersion.objects.filter(source="retraining").values_list("team", flat=True)) == [alone.id]
    # A retry leaves that one alone.
    assert JobRun.objects.get().progress == {"retraining": [alone.id]}


def test_the_watch_raises_alerts() -> None:
    tasks.watch()

    assert LearningAlert.objects.count() == 0


def test_beat_retrains_weekly_as_configured() -> None:
    start_beat()

    weekly = stored(schedule.WEEKLY_ENTRY)
    assert (weekly.task, weekly.enabled) == (schedule.RETRAINING_TASK, True)
    assert (weekly.crontab.minute, weekly.crontab.hour, weekly.crontab.day_of_week) == ("0", "2", "0")
    assert tasks.retrain.name == schedule.RETRAINING_TASK


def test_the_daily_retraining_is_there_and_off(daily: PeriodicTask) -> None:
    assert (daily.task, daily.enabled, daily.crontab.hour) == (schedule.RETRAINING_TASK, False, "3")


def test_the_daily_retraining_stays_as_staff_set_it_when_beat_starts_anew(daily: PeriodicTask) -> None:
    daily.enabled = True
    daily.save()

    start_beat()

    assert stored("retrain-daily").enabled


def test_the_migration_of_the_daily_retraining_can_run_again_and_back(daily: PeriodicTask) -> None:
    migration = import_module("learning.migrations.0005_daily_retraining")

    migration.add(apps, None)
    assert PeriodicTask.objects.filter(name="retrain-daily").count() == 1
    migration.remove(apps, None)
    assert PeriodicTask.objects.filter(name="retrain-daily").count() == 0


def test_the_next_run_is_the_earliest_that_is_switched_on(daily: PeriodicTask) -> None:
    # Sunday 02:00 as configured, then Thursday 03:00 once the daily one is on.
    assert str(schedule.next_retraining(now=NOW)) == "2026-03-08 02:00:00+00:00"
    daily.enabled = True
    daily.save()
    assert str(schedule.next_retraining(now=NOW)) == "2026-03-05 03:00:00+00:00"


def test_the_next_run_is_as_staff_changed_it() -> None:
    start_beat()
    weekly = stored(schedule.WEEKLY_ENTRY)
    weekly.crontab.hour = "5"
    weekly.crontab.timezone = "Europe/Berlin"
    weekly.crontab.save()
    # 05:00 in Berlin is 04:00 UTC in winter.
    assert str(schedule.next_retraining(now=NOW)) == "2026-03-08 04:00:00+00:00"
    weekly.enabled = False
    weekly.save()
    assert schedule.next_retraining(now=NOW) is None


def test_the_next_run_follows_the_setting_before_beat_has_run() -> None:
    with override_settings(RETRAIN_CRON="15 4 1 * *"):
        assert str(schedule.next_retraining(now=NOW)) == "2026-04-01 04:15:00+00:00"
