"""Sums over the ledger, computed in the database. ``team_id`` of None reads all teams: only staff may ask that."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from routing.domain.traffic import Traffic
from routing.models import CachedResponse, LedgerEntry

DIMENSIONS = ("strategy", "confidence", "pattern", "provider", "served_model", "baseline_model")
State = LedgerEntry.State
Labels = dict[str, str | None]
Groups = list[tuple[Labels, Traffic]]

_REAL = Q(is_simulated=False, is_embedded=False)
_SUMS: Mapping[str, Any] = {
    "requests": Count("request_id"),
    "succeeded": Count("request_id", filter=Q(state=State.SETTLED)),
    "failed": Count("request_id", filter=Q(state__in=(State.FAILED, State.PARTIAL, State.ORPHANED))),
    "fallbacks": Count("request_id", filter=Q(is_fallback=True)),
    "cache_hits": Count("request_id", filter=Q(is_cache_hit=True)),
    "unpriced_requests": Count("request_id", filter=Q(is_unpriced=True)),
    "estimated_requests": Count("request_id", filter=Q(is_estimated=True)),
    "simulated_requests": Count("request_id", filter=~_REAL),
    "input_tokens": Sum("input_tokens", default=0),
    "output_tokens": Sum("output_tokens", default=0),
    "cost_nano_usd": Sum("cost_nano_usd", filter=_REAL, default=0),
    "baseline_cost_nano_usd": Sum(
        "baseline_cost_nano_usd", filter=_REAL & Q(savings_nano_usd__isnull=False), default=0
    ),
    "savings_nano_usd": Sum("savings_nano_usd", filter=_REAL, default=0),
    "simulated_cost_nano_usd": Sum("cost_nano_usd", filter=~_REAL, default=0),
    "simulated_savings_nano_usd": Sum("savings_nano_usd", filter=~_REAL, default=0),
    "latency_ms": Sum("latency_ms", default=0),
    "timed_requests": Count("latency_ms"),
}
_ALIASES = {f"sum_{name}": expression for name, expression in _SUMS.items()}


def rows(*, team_id: int | None, since: datetime | None = None) -> QuerySet[LedgerEntry]:
    """Return a team's ledger rows from ``since`` on."""
    entries = LedgerEntry.objects.order_by()
    if team_id is not None:
        entries = entries.filter(team_id=team_id)
    return entries if since is None else entries.filter(created_at__gte=since)


def total(entries: QuerySet[LedgerEntry]) -> Traffic:
    """Add up rows in one query."""
    return _traffic(entries.aggregate(**_ALIASES))


def groups(entries: QuerySet[LedgerEntry], *by: str) -> Groups:
    """Add up rows in one query by some of ``DIMENSIONS``; each group comes with its labels by name."""
    found = entries.values(*by).annotate(**_ALIASES)
    return [({name: group[name] for name in by}, _traffic(group)) for group in found]


def live_cache_entries(*, team_id: int | None, now: datetime) -> int:
    """Count the answers that would be reused at ``now``."""
    entries = CachedResponse.objects.filter(expires_at__gt=now)
    return (entries if team_id is None else entries.filter(team_id=team_id)).count()


def _traffic(sums: Mapping[str, Any]) -> Traffic:
    # PostgreSQL adds up 64-bit integers to a numeric, which arrives as a Decimal.
    return Traffic(**{name: int(sums[f"sum_{name}"]) for name in _SUMS})
