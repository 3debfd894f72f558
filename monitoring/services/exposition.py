"""The figures as Prometheus reads them: those of all processes of this machine, and those of the database."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from accounts.domain.series import SERIES, Series
from accounts.services import bounded_wait, replica_watch, telemetry, telemetry_files
from accounts.services.telemetry_files import Tally
from monitoring.selectors import scraped
from monitoring.selectors.scraped import Sample
from monitoring.services.bounded_check import BoundedCheck
from routing.services import database_clock

logger = logging.getLogger(__name__)

DATABASE_SECONDS = 5.0
# Several who ask, or one in a hurry, cost the database no more than one.
FRESH_SECONDS = 5.0

_COLLECTED = ("feedback_ingested_total", "feedback_failures_total")
_Numbers = Mapping[str, Sequence[tuple[tuple[str, ...], Sequence[float]]]]


@dataclass(frozen=True, eq=False)
class _Collected:
    """What one answer consists of, as the client library asks for it."""

    numbers: _Numbers

    def collect(self) -> Iterable[Metric]:
        return [_family(series, self.numbers.get(series.name, ())) for series in SERIES.values()]


def text() -> bytes:
    """Return all figures in Prometheus' text format; without those of the database where it does not answer."""
    tallies = _counted()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(_by_name([*tallies, *_scraped(), *_collection_rate(tallies)])))
    return generate_latest(registry)


def _counted() -> list[Tally]:
    """Return what all processes counted; only what this one did where the folder they share cannot be used."""
    telemetry.write()
    try:
        telemetry_files.archive(telemetry.own.directory)
        return telemetry_files.read(telemetry.own.directory)
    except OSError as error:
        logger.warning("The figures of other processes cannot be read: %s", error)
        return telemetry.own.tallies()


def _scraped() -> list[Tally]:
    try:
        found, is_up = database_check.result(), 1.0
    except Exception:
        found, is_up = [], 0.0
    found = [*found, Sample("database_up", is_up), Sample("optimizer_build_info", 1.0, (settings.VERSION,))]
    return [Tally(sample.name, sample.labels, (sample.value,)) for sample in found]


def _collection_rate(tallies: Iterable[Tally]) -> Iterable[Tally]:
    """Return the share of the ratings sent to this machine that were stored; nothing where none was sent."""
    counted = {tally.name: tally.numbers[0] for tally in tallies if tally.name in _COLLECTED}
    stored, lost = (counted.get(name, 0.0) for name in _COLLECTED)
    return [Tally("feedback_collection_success_rate", (), (stored / (stored + lost),))] if stored + lost else ()


def _by_name(tallies: Iterable[Tally]) -> _Numbers:
    found: dict[str, list[tuple[tuple[str, ...], Sequence[float]]]] = {}
    for tally in tallies:
        found.setdefault(tally.name, []).append((tally.labels, tally.numbers))
    return found


def _family(series: Series, rows: Sequence[tuple[tuple[str, ...], Sequence[float]]]) -> Metric:
    known = {labels for labels, _ in rows}
    rows = [*rows, *((labels, zeros) for labels, zeros in _zeros(series) if labels not in known)]
    if series.kind == "histogram":
        histogram = HistogramMetricFamily(series.name, series.help, labels=series.labels)
        for labels, numbers in sorted(rows):
            histogram.add_metric(labels, _cumulated(series, numbers[:-1]), numbers[-1])
        return histogram
    family = (CounterMetricFamily if series.kind == "counter" else GaugeMetricFamily)(
        series.name, series.help, labels=series.labels
    )
    for labels, numbers in sorted(rows):
        family.add_metric(labels, numbers[0])
    return family


def _zeros(series: Series) -> Iterable[tuple[tuple[str, ...], Sequence[float]]]:
    """Return what is published before anything has happened, so that the first event is seen as an increase."""
    if series.origin == "process" and (series.kind != "gauge" or series.is_live):
        sets = [(value,) for value in series.values] if series.labels else [()]
        return [(labels, (0.0,) * telemetry_files.size(series)) for labels in sets]
    return ()


def _cumulated(series: Series, counts: Sequence[float]) -> list[tuple[str, float]]:
    bounds = [*map(floatToGoString, series.buckets), "+Inf"]
    return list(zip(bounds, accumulate(counts), strict=True))


database_check: BoundedCheck[list[Sample]] = BoundedCheck(
    lambda: _read_database(), seconds=DATABASE_SECONDS, fresh_seconds=FRESH_SECONDS
)


def _read_database() -> list[Sample]:
    try:
        with bounded_wait.within(DATABASE_SECONDS, DEFAULT_DB_ALIAS, replica_watch.ALIAS):
            connection.ensure_connection()
            return scraped.samples(database_clock.now())
    finally:
        connections.close_all()
