"""Scheduled work: each task calls one service and may safely run twice."""

from typing import Any

from accounts.services import login_throttle
from jobs.decorators import job, pulse
from monitoring.services import alerts, integrity, summaries, table_sizes
from monitoring.services.live import producer
from routing.services import database_clock


@pulse
def publish_live() -> None:
    producer.publish_due()


@pulse
def evaluate_alerts() -> None:
    alerts.evaluate(now=database_clock.now())


@job
def check_integrity() -> dict[str, Any]:
    return integrity.spot_check(now=database_clock.now())


@job
def daily_summary() -> dict[str, Any]:
    return summaries.daily(now=database_clock.now())


@job
def weekly_summary() -> dict[str, Any]:
    return summaries.weekly(now=database_clock.now())


@job
def sample_table_sizes() -> dict[str, int]:
    return table_sizes.sample(now=database_clock.now())


@job
def forget_login_attempts() -> dict[str, int]:
    return {"deleted": login_throttle.forget_expired(now=database_clock.now())}
