"""Scheduled work: each task calls one service and may safely run twice."""

from experiments.services import sweep as sweeping
from jobs.decorators import job, pulse
from routing.services import database_clock


@job
def sweep() -> dict[str, list[int]]:
    ended = sweeping.sweep(now=database_clock.now())
    return {"ended": [experiment.id for experiment in ended]}


@pulse
def keep_up() -> None:
    sweeping.keep_up(now=database_clock.now())
