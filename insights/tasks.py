"""Work in the background: each task calls one service and may safely run twice. Their order is in ``JOB_CHAINS``."""

from typing import Any

from insights.services import daily, learning, realized, reports
from insights.services import reviews as reviewing
from jobs.decorators import job
from jobs.services import outbox
from routing.services import database_clock


@outbox.handler(reviewing.ORDERED, in_transaction=False)
def ordered_review(*, review_id: int, message_id: str) -> None:
    reviewing.perform(review_id, now=database_clock.now())


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
