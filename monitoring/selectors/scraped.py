"""What is read from the database whenever Prometheus asks: exact, and the same whichever machine is asked."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.services import replica, replica_watch
from jobs.selectors import status as job_status
from learning.models import LearningOverride
from monitoring.domain.alerting import Reading
from monitoring.selectors.measures import counted, learning, platform, traffic
from routing.domain.traffic import Dimension
from routing.selectors import usage

logger = logging.getLogger(__name__)

NANO = 1e9
JOBS_WINDOW = timedelta(hours=24)
CACHE_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a series, which has its unit; ``labels`` in the order that the series declares them."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


def samples(now: datetime) -> list[Sample]:
    """Return what can be read; whatever fails is left out, and said in the log."""
    found: list[Sample] = []
    for read in _READERS:
        try:
            found += read(now)
        except Exception as error:
            logger.warning("%s cannot be read for Prometheus: %s", read.__name__.strip("_"), type(error).__name__)
    return found


def _money(_now: datetime) -> Iterable[Sample]:
    traffic_of_all = replica.read(lambda: usage.breakdown(usage.window(team_id=None), Dimension.MODEL))
    for (provider, model), used in traffic_of_all.items():
        labels = (str(provider), str(model))
        yield Sample("llm_requests_total", used.requests, labels)
        yield Sample("llm_unpriced_requests", used.unpriced_requests, labels)
        yield Sample("llm_cost_usd_total", used.cost_nano_usd / NANO, labels)
        yield Sample("llm_savings_usd_total", used.savings_nano_usd / NANO, labels)
        yield Sample("llm_tokens_total", used.input_tokens, (*labels, "input"))
        yield Sample("llm_tokens_total", used.output_tokens, (*labels, "output"))


def _replica(_now: datetime) -> Iterable[Sample]:
    if not replica_watch.is_configured():
        return
    try:
        yield Sample("database_replica_lag_seconds", replica_watch.lag_seconds())
    except (*replica_watch.FAILURES, replica_watch.NotAReplica) as error:
        logger.warning("The replica's lag is not known: %s", error)
        yield Sample("database_replica_up", 0.0)
    else:
        yield Sample("database_replica_up", 1.0)


def _overrides(_now: datetime) -> Iterable[Sample]:
    in_force = LearningOverride.objects.filter(status=LearningOverride.Status.ACTIVE)
    yield Sample("learning_overrides", in_force.count())


def _thresholds(now: datetime) -> Iterable[Sample]:
    for hours in _values(learning.thresholds_age(now, now)):
        yield Sample("confidence_threshold_evaluated_timestamp_seconds", (now - timedelta(hours=hours)).timestamp())


def _backlog(now: datetime) -> Iterable[Sample]:
    return _largest("feedback_backlog", learning.backlog(now, now))


def _jobs(now: datetime) -> Iterable[Sample]:
    rate = job_status.success_rate(since=now - JOBS_WINDOW)
    return () if rate is None else [Sample("batch_job_success_rate", rate)]


def _insights_cache(now: datetime) -> Iterable[Sample]:
    return _largest("insights_cache_hit_rate", counted.insights_cache(now - CACHE_WINDOW, now))


def _connections(now: datetime) -> Iterable[Sample]:
    return _largest("db_pool_utilization", platform.connections(now, now))


def _integrity(now: datetime) -> Iterable[Sample]:
    return _largest("data_integrity_check_pass_rate", platform.integrity(now, now))


def _memory(now: datetime) -> Iterable[Sample]:
    return _largest("memory_utilization", platform.memory(now, now))


def _budgets(now: datetime) -> Iterable[Sample]:
    return _largest("budget_utilization", traffic.budgets(now, now))


def _largest(name: str, readings: Iterable[Reading]) -> Iterable[Sample]:
    values = _values(readings)
    return [Sample(name, max(values))] if values else ()


def _values(readings: Iterable[Reading]) -> list[float]:
    return [reading.value for reading in readings if reading.value is not None]


_READERS: tuple[Callable[[datetime], Iterable[Sample]], ...] = (
    _money,
    _replica,
    _overrides,
    _thresholds,
    _backlog,
    _jobs,
    _insights_cache,
    _connections,
    _integrity,
    _memory,
    _budgets,
)
