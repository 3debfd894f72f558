"""Percentiles of how long answers took, computed in the database."""

from dataclasses import dataclass

from django.db import connections
from django.db.models import Aggregate, FloatField, QuerySet

from routing.models import LedgerEntry

FRACTIONS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds, interpolated between neighbors as SQL's ``percentile_cont`` does; None when nothing was timed."""

    p50: float | None
    p95: float | None
    p99: float | None


class _PercentileCont(Aggregate):
    function = "PERCENTILE_CONT"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def percentiles(entries: QuerySet[LedgerEntry]) -> Percentiles:
    """Return the latency percentiles of the requests among ``entries`` that were answered in full."""
    timed = entries.filter(state=LedgerEntry.State.SETTLED, latency_ms__isnull=False)
    if connections[timed.db].vendor == "postgresql":
        measured = timed.aggregate(
            **{name: _PercentileCont("latency_ms", fraction=fraction) for name, fraction in FRACTIONS.items()}
        )
        return Percentiles(**measured)
    count = timed.count()
    return Percentiles(**{name: _interpolated(timed, count, fraction) for name, fraction in FRACTIONS.items()})


def _interpolated(timed: QuerySet[LedgerEntry], count: int, fraction: float) -> float | None:
    if count == 0:
        return None
    position = (count - 1) * fraction
    lower = int(position)
    ordered = timed.order_by("latency_ms").values_list("latency_ms", flat=True)
    near = [float(value) for value in ordered[lower : lower + 2] if value is not None]
    return near[0] + (near[-1] - near[0]) * (position - lower)
