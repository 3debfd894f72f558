"""E5 and E6: the broker is lost with all its work, and several schedulers go by clocks that are wrong."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q

from faults import clocks
from faults.cell import Cell
from faults.cells.processes import TASK, push
from faults.cells.providers import good_ones_served
from faults.load import Plan
from faults.servers import Process
from faults.stack import Stack, wait_until

_QUIET = Plan(models=("ok",), concurrency=4)
# The retraining that is brought about here would act on ratings, as it should: enough good ones change a policy.
_UNRATED = Plan(models=("ok",), concurrency=4, rated_share=0.0)
WAITING = 40
PERIODS = "faults queue"
DONE_SECONDS = 90.0
WEEKLY = "learning.tasks.retrain"
MISSED = timedelta(days=15)
# Wrong schedulers start so long before the moment of the week.
_BEFORE = timedelta(seconds=8)
_PAST_THE_MOMENT_SECONDS = 16.0
# What comes every few seconds is not in the log.
_SENT = "Sending due task reconcile-ledger"


async def fill_queue_and_lose_it(stack: Stack) -> None:
    """Queue work while no worker takes it, tell the broker of half of it, and kill the broker with all it has."""
    await asyncio.to_thread(stack.worker.kill)
    await asyncio.to_thread(_fill_queue, stack)
    await asyncio.to_thread(stack.redis.process.kill)


def _fill_queue(stack: Stack) -> None:
    from jobs.models import JobRun
    from jobs.services import clock, runs

    for number in range(WAITING):
        key = f"{PERIODS} {number}"
        runs.enqueue(TASK, period_key=key, trigger=JobRun.Trigger.MANUAL, now=clock.now())
        if number % 2:
            run = JobRun.objects.get(name=TASK, period_key=key)
            push(stack, TASK, f"faults-run-{run.pk}", arguments={"run_id": run.pk})
            JobRun.objects.filter(pk=run.pk).update(rung_at=clock.now())


async def start_broker_and_worker(stack: Stack) -> None:
    await asyncio.to_thread(stack.redis.start)
    await asyncio.to_thread(stack.start_worker)


async def all_done_once(stack: Stack) -> None:
    """What the broker lost is told again, and done once."""
    from jobs.models import JobRun

    waiting = JobRun.objects.filter(name=TASK, period_key__startswith=PERIODS).exclude(state=JobRun.State.SUCCEEDED)
    await asyncio.to_thread(wait_until, lambda: not waiting.exists(), DONE_SECONDS)
    runs = JobRun.objects.filter(name=TASK, period_key__startswith=PERIODS)
    ends = await asyncio.to_thread(lambda: Counter(runs.values_list("state", "attempts")))
    if ends != Counter({("succeeded", 1): WAITING}):
        stack.problems.append(f"of {WAITING} jobs in a lost queue there are, by state and attempts, {dict(ends)}")


async def miss_a_week(stack: Stack) -> None:
    """Let the schedule be one that has been known for two weeks, of which nothing was ever run."""

    def age() -> None:
        from jobs.models import JobRun, ShippedSchedule
        from jobs.services import clock

        # The scheduler writes it down a moment after it says that it starts.
        wait_until(ShippedSchedule.objects.filter(name="retrain-weekly").exists, DONE_SECONDS)
        JobRun.objects.all().delete()
        ShippedSchedule.objects.update(first_shipped_at=clock.now() - MISSED)

    await asyncio.to_thread(age)


async def schedule_by_wrong_clocks(stack: Stack) -> None:
    """Run two more schedulers, for which the next two weekly retrainings are due, and look for what was missed."""
    wrong = [await asyncio.to_thread(_wrong_beat, stack, weeks) for weeks in (1, 2)]
    for beat in wrong:
        await asyncio.to_thread(stack.start_beat, beat)
    for number in range(4):
        push(stack, "jobs.tasks.catch_up", f"faults-catch-up-{number}")
    await asyncio.sleep(_PAST_THE_MOMENT_SECONDS)
    # Asked to end, they write down when they have last done what, by their clocks.
    for beat in wrong:
        await asyncio.to_thread(beat.stop)
        if "retrain-weekly" not in beat.log.read_text():
            stack.problems.append("a wrong clock brought no retraining about, so that nothing was tried")


def _wrong_beat(stack: Stack, weeks: int) -> Process:
    from django_celery_beat.models import PeriodicTask

    from jobs.selectors import schedules
    from jobs.services import clock

    now = clock.now()
    last = schedules.last_due(PeriodicTask.objects.get(name="retrain-weekly"), now)
    assert isinstance(last, datetime), "the retraining has a weekly moment"
    moment = last + timedelta(weeks=weeks) - _BEFORE
    own = clocks.environment(stack.folder, stack.folder / f"clock-of-beat-{weeks}", clocks.until(moment, now))
    return stack.celery(f"beat-{weeks}", "beat", "--pidfile=", environment=own)


async def restart_scheduler(stack: Stack) -> None:
    """Go on with the true clock alone, which is weeks behind what the others wrote down."""
    await asyncio.to_thread(stack.beat.stop)
    await asyncio.to_thread(stack.start_beat)


async def weekly_once(stack: Stack) -> None:
    """Whatever schedulers said, each period's work was done once, and the schedule goes on."""
    sent = stack.beat.log.read_text().count(_SENT)
    goes_on = await asyncio.to_thread(wait_until, lambda: stack.beat.log.read_text().count(_SENT) > sent, DONE_SECONDS)
    if not goes_on:
        stack.problems.append("the scheduler stands still: it takes the future for when it last did something")
    await asyncio.to_thread(wait_until, _nothing_open, DONE_SECONDS)
    stack.problems += await asyncio.to_thread(lambda: list(_wrong_runs()))


def _nothing_open() -> bool:
    from jobs.models import JobRun

    return not JobRun.objects.filter(state__in=(JobRun.State.QUEUED, JobRun.State.RUNNING)).exists()


def _wrong_runs() -> Iterator[str]:
    from jobs.models import JobRun
    from learning.models import RetrainingRun

    retrainings = RetrainingRun.objects.filter(team=None, trigger=RetrainingRun.Trigger.SCHEDULE).count()
    periods = list(JobRun.objects.filter(name=WEEKLY).values_list("period_key", flat=True))
    if retrainings != 1 or len(periods) != 1:
        yield f"there were {retrainings} retrainings of one week, for {periods}"
    again = JobRun.objects.filter(~Q(state=JobRun.State.SUCCEEDED) | Q(attempts__gt=1))
    if again.exists():
        yield f"not done at once: {list(again.values_list('name', 'state', 'attempts', 'error'))[:3]}"


CELLS = (
    Cell(
        "E5",
        "broker lost with a queue full of work",
        _QUIET,
        fill_queue_and_lose_it,
        start_broker_and_worker,
        (good_ones_served,),
        finish=all_done_once,
        has_workers=True,
    ),
    Cell(
        "E6",
        "three schedulers, two of them weeks ahead, and a week missed",
        _UNRATED,
        schedule_by_wrong_clocks,
        restart_scheduler,
        (good_ones_served,),
        prepare=miss_a_week,
        finish=weekly_once,
        has_workers=True,
    ),
)
