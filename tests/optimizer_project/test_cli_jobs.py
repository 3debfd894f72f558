import json
from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from jobs.models import DeadLetter, JobRun
from jobs.services import clock, dead_letters

pytestmark = pytest.mark.django_db
Run = Callable[..., str]


def dead_run() -> JobRun:
    run = JobRun.objects.create(
        name="learning.tasks.watch", state="dead", attempts=4, error="ValueError: no", created_at=clock.now()
    )
    dead_letters.keep(run, clock.now())
    return run


def test_a_job_runs_here_and_now(optimizer: Run) -> None:
    shown = optimizer("jobs", "run", "jobs.tasks.delete_old")

    run = JobRun.objects.get()
    assert (run.state, run.trigger, run.period_key) == ("succeeded", "manual", None)
    assert f"Run {run.pk} of jobs.tasks.delete_old succeeded: {{'runs': 0," in shown


def test_unknown_jobs_are_refused_with_the_names_there_are(optimizer: Run) -> None:
    with pytest.raises(CommandError, match=r"no job 'sweep'. There are: .*learning\.tasks\.retrain"):
        optimizer("jobs", "run", "sweep")


def test_runs_are_listed_with_what_went_wrong(optimizer: Run) -> None:
    run = dead_run()

    shown = optimizer("jobs", "list", "--state", "dead")

    assert "learning.tasks.watch  -           dead   schedule  4" in shown
    assert f"{run.pk}: ValueError: no" in shown
    assert json.loads(optimizer("jobs", "list", "--name", "learning.tasks.watch", "--json"))[0]["attempts"] == 4
    assert "No job has run" in optimizer("jobs", "list", "--state", "running")


def test_a_run_that_was_given_up_is_tried_again(optimizer: Run) -> None:
    run = dead_run()

    shown = optimizer("jobs", "retry", str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.attempts) == ("queued", 0)
    assert "a worker starts it within seconds" in shown
    assert DeadLetter.objects.get().decided_by == "command line"
    with pytest.raises(CommandError, match="nothing to try again"):
        optimizer("jobs", "retry", str(run.pk))
    with pytest.raises(CommandError, match="no run 999999"):
        optimizer("jobs", "retry", "999999")
