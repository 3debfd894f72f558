"""Scheduled work: each task calls one service and may safely run twice. Their order is in ``JOB_CHAINS``."""

from typing import Any

from insights.services import daily, learning, realized, reports
from insights.services import reviews as reviewing
from jobs.decorators import job
from routing.services import database_clock


@job
def learning_metrics() -> dict[str, Any]:
    return learning.recompute(now=database_clock.now())


@job
def realized_savings() -> dict[str, Any]:
    return realized.measure_all(now=database_clock.now())


@job
def team_metrics() -> dict[str, Any]:
    return daily.team_metrics(now=database_clock.now())


@job
def reviews() -> dict[str, Any]:
    return reviewing.run_all(now=database_clock.now())


@job
def learning_paths() -> dict[str, Any]:
    return daily.learning_paths(now=database_clock.now())


@job
def trends() -> dict[str, Any]:
    return daily.trends(now=database_clock.now())


@job
def anti_patterns() -> dict[str, Any]:
    return daily.anti_patterns(now=database_clock.now())


@job
def archive_trends() -> dict[str, Any]:
    return daily.archive_trends(now=database_clock.now())


@job
def weekly_reports() -> dict[str, Any]:
    return reports.weekly_all(now=database_clock.now())


@job
def confidence_thresholds() -> dict[str, Any]:
    return learning.tune_all(now=database_clock.now())
