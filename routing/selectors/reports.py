"""What a team's traffic was and cost. ``team_id`` of None means all teams: only staff may ask that."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from routing.domain.latency_histogram import Percentiles
from routing.domain.traffic import Dimension, Traffic, total
from routing.selectors import traffic, usage
from routing.selectors.usage import Breakdown

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
    latency_ms: Percentiles
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
    """Add up everything there is, and what came since midnight UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    by = (Dimension.PROVIDER, Dimension.MODEL, Dimension.BASELINE_MODEL)
    parts = usage.breakdowns(usage.window(team_id=team_id), *by)
    by_model = [(_text(provider), _text(model), part) for (provider, model), part in parts[Dimension.MODEL].items()]
    return Stats(
        totals=total(parts[Dimension.PROVIDER].values()),
        today=usage.totals(usage.window(team_id=team_id, since=midnight)),
        today_date=midnight.date(),
        by_provider=[Part(_text(provider), None, part) for (provider,), part in parts[Dimension.PROVIDER].items()],
        by_model=[Part(*found) for found in by_model],
        baseline_models=_baseline_models(parts[Dimension.BASELINE_MODEL]),
        timestamp=now,
    )


def routing_metrics(*, team_id: int | None, days: int, now: datetime) -> RoutingMetrics:
    """Describe the decisions of the last ``days`` times 24 hours."""
    period = usage.window(team_id=team_id, since=now - timedelta(days=days))
    by = (Dimension.STRATEGY, Dimension.CONFIDENCE, Dimension.PROVIDER, Dimension.PATTERN, Dimension.BASELINE_MODEL)
    parts = usage.breakdowns(period, *by)
    confidences = _by_name(parts[Dimension.CONFIDENCE])
    return RoutingMetrics(
        totals=total(parts[Dimension.STRATEGY].values()),
        strategies=_by_name(parts[Dimension.STRATEGY]),
        confidences={name: confidences.get(name, Traffic()).requests for name in CONFIDENCES},
        providers=_by_name(parts[Dimension.PROVIDER]),
        patterns={name: part.requests for name, part in _by_name(parts[Dimension.PATTERN]).items()},
        baseline_models=_baseline_models(parts[Dimension.BASELINE_MODEL]),
        latency_ms=usage.latency(period),
        period_days=days,
        timestamp=now,
    )


def cache_stats(*, team_id: int | None, days: int, now: datetime) -> CacheStats:
    """Describe the response cache: its entries at ``now`` and its use in the last ``days`` times 24 hours."""
    period = usage.window(team_id=team_id, since=now - timedelta(days=days))
    outcomes = _by_name(usage.breakdown(period, Dimension.OUTCOME))
    hits, misses = outcomes.get("cached", Traffic()), outcomes.get("settled", Traffic()).requests
    looked_up = hits.requests + misses
    return CacheStats(
        entries=traffic.live_cache_entries(team_id=team_id, now=now),
        hits=hits.requests,
        misses=misses,
        hit_rate=(Decimal(hits.requests) / looked_up).quantize(Decimal("0.0001")) if looked_up else None,
        cost_saved=hits,
        period_days=days,
    )


def _baseline_models(parts: Breakdown) -> list[Part]:
    return [Part(None, _text(model), part) for (model,), part in parts.items() if model is not None]


def _by_name(parts: Breakdown) -> dict[str, Traffic]:
    return {NONE if name is None else str(name): part for (name,), part in parts.items()}


def _text(label: str | int | None) -> str | None:
    return None if label is None else str(label)
