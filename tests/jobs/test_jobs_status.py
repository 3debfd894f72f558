"""How the work in the background goes, as health checks and metrics are told."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.models import DeadLetter, JobRun, OutboxMessage, Pulse
from jobs.selectors import status
from jobs.services import retention

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ended(name: str, state: str, ago: timedelta = HOUR, **values) -> JobRun:
    moment = NOW - ago
    fixed = {"created_at": moment, "started_at": moment, "finished_at": moment}
    return JobRun.objects.create(name=name, period_key=str(moment), state=state, **fixed, **values)


def sweep_ran(ago: timedelta = timedelta(seconds=30)) -> None:
    Pulse.objects.create(name=status.SWEEPER, last_success_at=NOW - ago)


def test_without_a_worker_nothing_is_well() -> None:
    assert status.status(now=NOW).status == "unhealthy"
    sweep_ran(timedelta(minutes=4))
    assert status.status(now=NOW).status == "unhealthy"


def test_a_worker_that_is_at_something_long_is_alive() -> None:
    JobRun.objects.create(name="a", state="running", created_at=NOW, lease_expires_at=NOW + timedelta(seconds=1))

    assert status.status(now=NOW).status == "healthy"


def test_with_one_and_nothing_wrong_it_is() -> None:
    sweep_ran()
    ended("a", "succeeded")

    found = status.status(now=NOW)

    assert (found.status, found.success_rate, found.running, found.waiting) == ("healthy", 1.0, 0, 0)
    assert [(job["name"], job["state"]) for job in found.jobs] == [("a", "succeeded")]


@pytest.mark.parametrize(
    "trouble",
    [
        lambda: ended("a", "failed"),
        lambda: Pulse.objects.create(name="b", is_failing=True),
        lambda: DeadLetter.objects.create(kind="message", name="c", died_at=NOW),
    ],
)
def test_what_failed_or_was_given_up_degrades_it(trouble) -> None:
    sweep_ran()
    trouble()

    assert status.status(now=NOW).status == "degraded"


def test_a_dead_letter_that_was_decided_about_counts_no_more() -> None:
    sweep_ran()
    DeadLetter.objects.create(kind="message", name="c", died_at=NOW, outcome="dismissed", decided_at=NOW)

    assert status.status(now=NOW).status == "healthy"


def test_outbox_tells_how_long_the_oldest_message_has_waited() -> None:
    OutboxMessage.objects.create(handler="h", created_at=NOW, due_at=NOW - timedelta(seconds=90))
    OutboxMessage.objects.create(handler="h", created_at=NOW, due_at=NOW + HOUR)

    found = status.status(now=NOW)

    assert (found.outbox_waiting, found.outbox_waiting_seconds) == (1, 90.0)


def test_success_rate_counts_what_ended_in_the_window() -> None:
    ended("learning.tasks.retrain", "succeeded")
    ended("learning.tasks.watch", "dead")
    ended("routing.tasks.refresh_prices", "succeeded")
    ended("learning.tasks.watch", "dead", ago=25 * HOUR)

    since = NOW - 24 * HOUR
    # Two of three, and of learning's one of two.
    assert status.success_rate(since=since) == pytest.approx(2 / 3)
    assert status.success_rate(since=since, prefix="learning.") == 0.5
    assert status.success_rate(since=since, prefix="insights.") is None
    assert status.outcomes(since=since) == {"succeeded": 2, "dead": 1}


def test_retention_keeps_the_last_run_of_each_job_and_what_nobody_has_decided_about() -> None:
    old = timedelta(days=100)
    ended("a", "succeeded", ago=old + HOUR)
    last = ended("a", "succeeded", ago=old)
    dead = ended("b", "dead", ago=old)
    ended("b", "succeeded", ago=old - HOUR)
    DeadLetter.objects.create(kind="job", name="b", run=dead, died_at=NOW - old)
    new = ended("a", "succeeded")
    moment = NOW - timedelta(days=8)
    OutboxMessage.objects.create(handler="h", created_at=moment, state="succeeded", finished_at=moment)
    OutboxMessage.objects.create(handler="h", created_at=moment, due_at=moment)

    deleted = retention.delete_old(now=NOW)

    assert deleted == {"runs": 2, "messages": 1, "dead_letters": 0}
    assert set(JobRun.objects.filter(name="a")) == {new}
    assert last not in JobRun.objects.all()
    assert dead in JobRun.objects.all()
