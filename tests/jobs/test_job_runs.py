"""A period's work is done exactly once, whoever starts it, however often, and whatever dies."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from jobs import signals
from jobs.models import DeadLetter, JobRun
from jobs.services import attempts, clock, dead_letters, runs, sweep
from jobs.services.dead_letters import AlreadyDecided, NothingToRetry
from jobs.services.runs import RunNotFound, SomeFailed
from tests import factories

WEEK = "2026-11-22T02:00Z"


class Work:
    """Counts how often it is done; fails the first ``failures`` times."""

    def __init__(self, failures: int = 0) -> None:
        self.done = 0
        self.failures = failures

    def __call__(self) -> dict[str, int]:
        self.done += 1
        if self.done <= self.failures:
            raise ValueError(f"attempt {self.done}")
        return {"done": self.done}


def run(work: Any, key: str | None = WEEK) -> JobRun:
    return runs.run("a.tasks.b", work, period_key=key)


def fail(work: Work) -> None:
    with pytest.raises(ValueError, match="attempt"):
        run(work)


def make_due() -> None:
    """Let the pause before the next attempt, or the lease of a dead process, be over."""
    past = clock.now() - timedelta(seconds=1)
    JobRun.objects.exclude(due_at=None).update(due_at=past)
    JobRun.objects.exclude(lease_expires_at=None).update(lease_expires_at=past)


@pytest.mark.django_db
class TestOncePerPeriod:
    def test_a_second_start_of_a_period_does_nothing(self) -> None:
        work = Work()

        first, second = run(work), run(work)

        assert (work.done, first.pk, second.pk) == (1, second.pk, second.pk)
        assert (second.state, second.attempts, second.result) == ("succeeded", 1, {"done": 1})

    def test_another_period_is_other_work(self) -> None:
        work = Work()

        run(work)
        run(work, "2026-11-29T02:00Z")

        assert work.done == 2

    def test_without_a_period_every_start_is_wanted(self) -> None:
        work = Work()

        run(work, None)
        run(work, None)

        assert (work.done, JobRun.objects.count()) == (2, 2)

    def test_a_run_that_is_under_way_is_left_alone(self) -> None:
        outer, inner = Work(), Work()

        def start_again() -> dict[str, int]:
            assert run(inner).state == "running"
            return outer()

        run(start_again)

        assert (outer.done, inner.done) == (1, 0)

    def test_a_run_that_is_no_more_is_said_to_be(self) -> None:
        with pytest.raises(RunNotFound, match="no job run 7"):
            runs.resume(7, Work())


@pytest.mark.django_db
class TestFailures:
    def test_a_failure_waits_for_its_pause_and_is_tried_again(self) -> None:
        work = Work(failures=1)
        fail(work)
        failed = JobRun.objects.get()
        assert (failed.state, failed.error, failed.attempts) == ("failed", "ValueError: attempt 1", 1)
        assert failed.due_at is not None
        assert failed.due_at > clock.now()

        assert run(work).state == "failed"
        make_due()
        ended = runs.resume(failed.pk, work)

        assert (ended.state, ended.attempts, ended.error, work.done) == ("succeeded", 2, "", 2)

    def test_after_three_retries_a_run_is_given_up_and_kept(self) -> None:
        work = Work(failures=9)
        for _ in range(6):
            make_due()
            if JobRun.objects.filter(state="dead").exists():
                assert run(work).state == "dead"
            else:
                fail(work)

        letter = DeadLetter.objects.get()
        assert (work.done, letter.kind, letter.name) == (4, "job", "a.tasks.b")
        assert letter.reason == "ValueError: attempt 4"

    def test_somebody_may_have_it_tried_again_once(self) -> None:
        dead = JobRun.objects.create(
            name="a.tasks.b", period_key=WEEK, state="dead", attempts=4, created_at=clock.now()
        )
        letter = dead_letters.keep(dead, clock.now())
        work = Work()

        dead_letters.retry(letter, actor="ann")
        with pytest.raises(AlreadyDecided):
            dead_letters.retry(letter, actor="bob")
        runs.resume(dead.pk, work)

        letter.refresh_from_db()
        dead.refresh_from_db()
        assert (dead.state, dead.attempts, work.done) == ("succeeded", 1, 1)
        assert (letter.outcome, letter.decided_by) == ("retried", "ann")
        with pytest.raises(NothingToRetry, match="nothing to try again"):
            dead_letters.retry_run(dead, actor="ann")

    def test_a_result_that_cannot_be_kept_is_a_failure(self) -> None:
        with pytest.raises(TypeError):
            run(lambda: {"bad": object()})

        assert JobRun.objects.get().state == "failed"

    def test_the_apps_above_are_told_how_it_ended(self) -> None:
        told: list[tuple[str, str]] = []

        def note(sender: Any, name: str, outcome: str, seconds: float, **_: Any) -> None:
            told.append((name, outcome))

        signals.run_ended.connect(note)
        work = Work(failures=1)
        fail(work)
        make_due()
        run(work)
        signals.run_ended.disconnect(note)

        assert told == [("a.tasks.b", "failed"), ("a.tasks.b", "succeeded")]


@pytest.mark.django_db
class TestDeadProcesses:
    def test_work_of_a_dead_process_is_taken_over(self) -> None:
        dead = _died()
        work = Work()
        assert run(work).state == "running"

        make_due()

        assert (run(work).state, work.done) == ("succeeded", 1)
        assert JobRun.objects.get(pk=dead.pk).attempts == 2

    def test_who_was_overtaken_is_not_heard(self) -> None:
        def be_overtaken() -> dict[str, str]:
            make_due()
            assert run(Work()).state == "succeeded"
            return {"by": "the slow one"}

        run(be_overtaken)

        ended = JobRun.objects.get()
        assert (ended.state, ended.result, ended.attempts) == ("succeeded", {"done": 1}, 2)

    def test_work_that_kills_every_process_is_given_up(self) -> None:
        run_of_death = _died(starts=4)
        make_due()
        assert run(Work()).state == "running"

        assert runs.bury_exhausted(run_of_death)

        assert JobRun.objects.get().state == "dead"
        assert "died or was paused at each of 4 attempts" in DeadLetter.objects.get().reason


def _died(starts: int = 1) -> JobRun:
    """A run whose process has died, with its lease still running."""
    now = clock.now() - timedelta(seconds=5)
    return JobRun.objects.create(
        name="a.tasks.b", period_key=WEEK, created_at=now, attempts=starts, **attempts.new_lease(now)
    )


@pytest.mark.django_db
def test_a_run_that_nobody_can_start_again_does_not_seem_to_go_on() -> None:
    _died()
    make_due()

    sweep.sweep(now=clock.now())

    assert (JobRun.objects.get().state, JobRun.objects.get().due_at) == ("failed", None)


@pytest.mark.django_db
class TestTeams:
    def test_one_team_that_fails_stops_none_and_a_retry_does_only_it(self) -> None:
        teams = [factories.team(slug) for slug in ("a", "b", "c")]
        done: list[str] = []
        broken = {"b"}

        def review(team: Any) -> str:
            if team.slug in broken:
                raise ValueError("no data")
            done.append(team.slug)
            return str(team.slug).upper()

        def work() -> dict[str, str]:
            return runs.for_each_team(teams, review)

        with pytest.raises(SomeFailed, match=r"Failed for b: ValueError: no data"):
            run(work)
        broken.clear()
        make_due()
        ended = run(work)

        assert (done, ended.result) == (["a", "c", "b"], {"b": "B"})

    def test_outside_of_a_run_it_is_a_plain_pass(self) -> None:
        assert runs.for_each_team([factories.team("a")], lambda team: team.slug) == {"a": "a"}


CHAINS = {
    "daily": {"steps": ["a.one", "a.two"]},
    "monday": {"steps": ["a.weekly", "a.last"], "after": "daily", "weekday": 0},
}


@pytest.mark.django_db
class TestChains:
    @pytest.fixture(autouse=True)
    def chains(self, settings: Any) -> None:
        settings.JOB_CHAINS = CHAINS

    def start(self, name: str, key: str | None, trigger: str = "chain") -> set[str]:
        runs.run(name, Work(), period_key=key, trigger=trigger)
        return set(JobRun.objects.filter(state="queued", trigger="chain").values_list("name", flat=True))

    def test_the_next_step_is_written_down_as_one_ends(self) -> None:
        assert self.start("a.one", "2026-11-22T00:00Z", "schedule") == {"a.two"}
        assert JobRun.objects.get(name="a.two").period_key == "2026-11-22T00:00Z"

    def test_the_weekly_chain_follows_the_daily_one_on_mondays_only(self) -> None:
        # 23 November 2026 is a Monday.
        assert self.start("a.two", "2026-11-22T00:00Z") == set()
        assert self.start("a.two", "2026-11-23T00:00Z") == {"a.weekly"}
        assert self.start("a.last", "2026-11-23T00:00Z") == {"a.weekly"}

    def test_a_step_with_a_schedule_of_its_own_stands_alone(self) -> None:
        assert self.start("a.two", "2026-11-23T00:00Z", "schedule") == set()

    def test_a_step_asked_for_by_hand_stands_alone(self) -> None:
        assert self.start("a.one", None) == set()

    def test_a_step_that_fails_holds_the_chain_until_it_is_given_up(self) -> None:
        work = Work(failures=9)
        waiting = []
        for _ in range(4):
            make_due()
            with pytest.raises(ValueError, match="attempt"):
                runs.run("a.one", work, period_key="2026-11-22T00:00Z")
            waiting.append(JobRun.objects.filter(name="a.two").count())

        assert waiting == [0, 0, 0, 1]


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_race_for_a_period_one_does_the_work() -> None:
    together = threading.Barrier(4)
    done: list[int] = []
    errors: list[BaseException] = []

    def work() -> None:
        done.append(threading.get_ident())

    def race() -> None:
        try:
            for key in ("first", "second", "third"):
                together.wait(timeout=30)
                run(work, key)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert (errors, len(done)) == ([], 3)
    assert list(JobRun.objects.values_list("state", "attempts")) == [("succeeded", 1)] * 3


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_race_for_a_dead_ones_work_one_takes_it_over() -> None:
    together = threading.Barrier(4)
    done: list[int] = []
    _died()
    make_due()

    def race() -> None:
        together.wait(timeout=30)
        run(lambda: done.append(1))
        connection.close()

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert (done, JobRun.objects.get().attempts) == ([1], 2)


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_the_work_goes_on() -> None:
    held = _died()
    stop = threading.Event()
    waits = iter([False, True])
    # Waits are over at once: once for a renewal, then for the end.
    stop.wait = lambda timeout=None: next(waits)  # type: ignore[method-assign]

    thread = threading.Thread(target=attempts.renew, args=(held, held.token, stop))
    thread.start()
    thread.join(timeout=30)

    renewed = JobRun.objects.get().lease_expires_at
    assert held.lease_expires_at is not None
    assert renewed is not None
    assert renewed > held.lease_expires_at
