"""The one list of what can be measured, and how."""

from collections.abc import Callable, Mapping
from datetime import datetime

from monitoring.domain.alerting import Reading
from monitoring.domain.measures import Measure
from monitoring.selectors.measures import counted, learning, platform, traffic

Reader = Callable[[datetime, datetime], list[Reading]]


def read(measure: str, *, since: datetime, now: datetime) -> list[Reading]:
    """Measure once; a measure of the present takes no notice of ``since``.

    Raises:
        ValueError: There is no such measure.
    """
    return READERS[Measure(measure)](since, now)


def _api_errors(since: datetime, now: datetime) -> list[Reading]:
    answered = counted.completion_errors(since, now)
    return [traffic.completion_errors(since, now, answered=answered), counted.endpoint_errors(since, now)]


READERS: Mapping[Measure, Reader] = {
    Measure.LEARNING_JOB_FAILURES: learning.job_failures,
    Measure.INSIGHTS_SECONDS: learning.review_seconds,
    Measure.FEEDBACK_BACKLOG: learning.backlog,
    Measure.INTEGRITY: platform.integrity,
    Measure.DATABASE_POOL: platform.connections,
    Measure.UNPRICED_TRAFFIC: traffic.unpriced,
    Measure.CLAMPED_USAGE: traffic.clamped,
    Measure.CAPPED_UPGRADES: traffic.capped_upgrades,
    Measure.LEARNING_UPDATE_SECONDS: counted.update_seconds,
    Measure.THRESHOLDS_AGE: learning.thresholds_age,
    Measure.INSIGHTS_CACHE_HITS: counted.insights_cache,
    Measure.API_ERRORS: _api_errors,
    Measure.MEMORY: platform.memory,
    Measure.BUDGET: traffic.budgets,
}
