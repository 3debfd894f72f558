"""What the ledger says about a team's traffic. ``team_id`` of None means all teams: only staff may ask that."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from routing.domain.traffic import Traffic, total, total_by
from routing.selectors import latency, traffic

NONE = "none"  # the label of rows where a value was not known or nothing was decided
CONFIDENCES = ("high", "medium", "low", NONE)


@dataclass(frozen=True, slots=True)
class Part:
    """The traffic of one provider, model or baseline model; ``provider`` is None where nobody was asked."""

    provider: str | None
    model: str | None
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Stats:
    totals: Traffic
    today: Traffic
    today_date: date
    by_provider: list[Part]
    by_model: list[Part]
    baseline_models: list[Part]
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class RoutingMetrics:
    totals: Traffic
    strategies: dict[str, Traffic]
    confidences: dict[str, int]
    providers: dict[str, Traffic]
    patterns: dict[str, int]
    baseline_models: list[Part]
    latency_ms: latency.Percentiles
    period_days: int
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class CacheStats:
    """``misses`` are the answers that came from a provider, whether or not the cache was on for them."""

    entries: int
    hits: int
    misses: int
    hit_rate: Decimal | None
    cost_saved: Traffic
    period_days: int


def stats(*, team_id: int | None, now: datetime) -> Stats:
    """Add up everything in the ledger, and what came since midnight UTC: two queries."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    entries = traffic.rows(team_id=team_id)
    groups = traffic.groups(entries, "provider", "served_model", "baseline_model")
    return Stats(
        totals=total(group for _, group in groups),
        today=traffic.total(entries.filter(created_at__gte=midnight)),
        today_date=midnight.date(),
        by_provider=[
            Part(provider, None, part) for provider, part in total_by(groups, lambda labels: labels["provider"]).items()
        ],
        by_model=[
            Part(provider, model, part)
            for (provider, model), part in total_by(
                groups, lambda labels: (labels["provider"], labels["served_model"])
            ).items()
        ],
        baseline_models=_baseline_models(groups),
        timestamp=now,
    )


def routing_metrics(*, team_id: int | None, days: int, now: datetime) -> RoutingMetrics:
    """Describe the decisions of the last ``days`` times 24 hours."""
    entries = traffic.rows(team_id=team_id, since=now - timedelta(days=days))
    groups = traffic.groups(entries, *traffic.DIMENSIONS)
    confidences = _counts(groups, "confidence")
    return RoutingMetrics(
        totals=total(group for _, group in groups),
        strategies=total_by(groups, _label("strategy")),
        confidences={name: confidences.get(name, 0) for name in CONFIDENCES},
        providers=total_by(groups, _label("provider")),
        patterns=_counts(groups, "pattern"),
        baseline_models=_baseline_models(groups),
        latency_ms=latency.percentiles(entries),
        period_days=days,
        timestamp=now,
    )


def cache_stats(*, team_id: int | None, days: int, now: datetime) -> CacheStats:
    """Describe the response cache: its entries at ``now`` and its use in the last ``days`` times 24 hours."""
    entries = traffic.rows(team_id=team_id, since=now - timedelta(days=days))
    answered = entries.filter(state=traffic.State.SETTLED)
    hits = traffic.total(answered.filter(is_cache_hit=True))
    misses = answered.filter(is_cache_hit=False).count()
    looked_up = hits.requests + misses
    return CacheStats(
        entries=traffic.live_cache_entries(team_id=team_id, now=now),
        hits=hits.requests,
        misses=misses,
        hit_rate=(Decimal(hits.requests) / looked_up).quantize(Decimal("0.0001")) if looked_up else None,
        cost_saved=hits,
        period_days=days,
    )


def _baseline_models(groups: traffic.Groups) -> list[Part]:
    by_model = total_by(groups, lambda labels: labels["baseline_model"])
    return [Part(None, model, part) for model, part in by_model.items() if model is not None]


def _counts(groups: traffic.Groups, name: str) -> dict[str, int]:
    return {label: part.requests for label, part in total_by(groups, _label(name)).items()}


def _label(name: str) -> Callable[[traffic.Labels], str]:
    return lambda labels: labels[name] or NONE
