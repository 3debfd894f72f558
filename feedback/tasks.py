"""Scheduled work: each task calls one service and may safely run twice."""

from feedback.services import events, linking, tallies
from jobs.decorators import job, pulse
from routing.services import database_clock


@pulse
def link_pending() -> None:
    linking.link_pending(now=database_clock.now())


@pulse
def add_up_ratings() -> None:
    tallies.add_up(now=database_clock.now())


@job
def delete_expired_events() -> dict[str, int]:
    return {"deleted": events.delete_expired(now=database_clock.now())}
