"""The scheduled tasks of experiments."""

import pytest
import time_machine
from django.conf import settings

from experiments import tasks
from experiments.models import Experiment
from tests.experiments.settled_traffic import NOW, begin, half_the_cost

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def an_hour_later():
    with time_machine.travel(NOW, tick=False):
        yield


def test_every_task_is_in_the_schedule() -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert {tasks.sweep.name, tasks.keep_up.name} <= scheduled
    assert settings.CELERY_BEAT_SCHEDULE["keep-up-experiments"]["schedule"] == 60


@pytest.mark.parametrize("task", [tasks.sweep, tasks.keep_up])
def test_a_task_ends_what_is_over_once(task) -> None:
    half_the_cost(begin(sample_size=100))

    task()
    task()

    ended = Experiment.objects.get()
    assert (ended.status, ended.winner, ended.analyses, ended.ended_at) == ("completed", "test", 2, NOW)
