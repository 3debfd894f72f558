"""What the criteria of the rollout are measured from, in the ledger itself: no roll-up has a say."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from django.db.models import Count, IntegerField, Q, QuerySet, Sum
from django.db.models.functions import Cast

from insights.models import TeamMetric
from routing.domain import latency_histogram
from routing.models import LedgerEntry
from routing.selectors.traffic import HourOf, LatencyBucket

MOST_FIGURES = 300
_DAY = timedelta(days=1)
_REAL = Q(is_simulated=False, is_embedded=False)


def agreement(kept: QuerySet[TeamMetric]) -> tuple[int, int]:
    """Return how many figures of teams' days are what the ledger adds up to, and how many were compared.

    The last ``MOST_FIGURES`` days are looked at; each has three figures.
    """
    compared = agreeing = 0
    for row in kept.order_by("-computed_at")[:MOST_FIGURES]:
        stored = (row.requests, row.cost_nano_usd, row.savings_nano_usd)
        compared += len(stored)
        agreeing += sum(map(int.__eq__, stored, _recomputed(row)))
    return agreeing, compared


def overhead_by_hour(rows: QuerySet[LedgerEntry]) -> dict[object, Counter[int]]:
    """Count completions by hour and by bucket of the whole milliseconds that we added."""
    timed = rows.filter(overhead_ms__isnull=False).annotate(
        hour=HourOf("created_at"), bucket=LatencyBucket(Cast("overhead_ms", IntegerField()))
    )
    found: dict[object, Counter[int]] = {}
    for group in timed.values("hour", "bucket").annotate(counted=Count("request_id")):
        found.setdefault(group["hour"], Counter())[group["bucket"]] += group["counted"]
    return found


def p95(parts: Iterable[Counter[int]]) -> tuple[float | None, int]:
    """Return the 95th percentile in milliseconds, and of how many requests it is."""
    counts: Counter[int] = sum(parts, Counter())
    return latency_histogram.percentiles(counts).p95, counts.total()


def _recomputed(row: TeamMetric) -> tuple[int, int, int]:
    since = datetime.combine(row.day, time(), UTC)
    until = min(since + _DAY, row.computed_at)
    settled = _REAL & Q(settled_at__lt=row.computed_at)
    found = LedgerEntry.objects.filter(team_id=row.team_id, created_at__gte=since, created_at__lt=until).aggregate(
        requests=Count("request_id"),
        cost=Sum("cost_nano_usd", filter=settled, default=0),
        savings=Sum("savings_nano_usd", filter=settled, default=0),
    )
    return found["requests"], int(found["cost"]), int(found["savings"])
