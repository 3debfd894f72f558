"""What viewers are sent, as JSON. Money is in US dollars with exactly the digits of its Decimal."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from rest_framework.renderers import BaseRenderer
from rest_framework.settings import api_settings

from monitoring.selectors.live import RATE_WINDOW, LiveSnapshot
from monitoring.selectors.notices import Notice
from routing.domain.latency_histogram import Percentiles
from routing.domain.pricing import from_nano_usd
from routing.domain.traffic import Traffic
from routing.models import LedgerEntry

_RATE = Decimal("0.0001")


def dump(data: Mapping[str, Any]) -> str:
    """Encode as the API does."""
    renderer = cast(type[BaseRenderer], api_settings.DEFAULT_RENDERER_CLASSES[0])
    encoded = renderer().render(data)
    return encoded.decode() if isinstance(encoded, bytes) else encoded


def snapshot(found: LiveSnapshot) -> str:
    """Return the message of type ``snapshot``."""
    today = found.today
    return dump(
        {
            "type": "snapshot",
            "timestamp": found.taken_at,
            "team": found.team.slug if found.team else None,
            "total_decisions": today.requests,
            "cost_usd": today.cost_usd,
            "baseline_cost_usd": today.baseline_cost_usd,
            "savings_usd": today.savings_usd,
            "savings_rate": today.savings_rate,
            "simulated_requests": today.simulated_requests,
            "failed": today.failed,
            "input_tokens": today.input_tokens,
            "output_tokens": today.output_tokens,
            "rates": _rates(found.recent),
            "latency_ms": percentiles(found.latency),
            "decisions": [decision(entry) for entry in found.decisions],
            "events": [_notice(notice) for notice in found.notices],
        }
    )


def event(notice: Notice) -> str:
    """Return the message of type ``event`` for one notice."""
    return dump({"type": "event", **_notice(notice)})


def status(*, is_degraded: bool) -> str:
    """Return the message that says whether this process makes its snapshots alone because Redis is away."""
    return dump({"type": "status", "degraded": is_degraded})


def subscribed(team: str | None, topics: list[str]) -> str:
    return dump({"type": "subscribed", "team": team, "topics": topics})


def error(code: str, message: str) -> str:
    return dump({"type": "error", "code": code, "message": message})


def denial(message: str) -> bytes:
    """Return the body of an HTTP answer that refuses a handshake."""
    return dump({"detail": message}).encode()


PONG = dump({"type": "pong"})


def decision(entry: LedgerEntry) -> dict[str, Any]:
    """Return one request as the feed of decisions shows it; money is null where it is not known."""
    return {
        "request_id": entry.request_id,
        "created_at": entry.created_at,
        "team": entry.team.slug,
        "state": entry.state,
        "pattern": entry.pattern,
        "tier": entry.complexity_tier,
        "strategy": entry.strategy,
        "requested_model": entry.requested_model,
        "provider": entry.provider,
        "model": entry.served_model,
        "reasoning": entry.reasoning,
        "confidence": entry.confidence,
        "policy_version": entry.policy_version,
        "experiment_id": entry.experiment_id,
        "cost_usd": _usd(entry.cost_nano_usd),
        "savings_usd": _usd(entry.savings_nano_usd),
        "latency_ms": entry.latency_ms,
        "is_cache_hit": entry.is_cache_hit,
        "is_fallback": entry.is_fallback,
        "is_simulated": entry.is_simulated or entry.is_embedded,
        "attempts": entry.attempt_count,
        "error_code": entry.error_code,
    }


def percentiles(found: Percentiles | None) -> dict[str, float | None]:
    """Return milliseconds to a tenth; None where nothing was timed."""
    values = (None, None, None) if found is None else (found.p50, found.p95, found.p99)
    return {
        name: None if value is None else round(value, 1)
        for name, value in zip(("p50", "p95", "p99"), values, strict=True)
    }


def _rates(recent: Traffic) -> dict[str, Any]:
    return {
        "window_seconds": int(RATE_WINDOW.total_seconds()),
        "requests_per_second": round(recent.requests / RATE_WINDOW.total_seconds(), 2),
        "success_rate": recent.success_rate,
        "fallback_rate": _share(recent.fallbacks, recent.requests),
        "cache_hit_rate": _share(recent.cache_hits, recent.requests),
    }


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "kind": notice.kind,
        "severity": notice.severity,
        "title": notice.title,
        "text": notice.text,
        "at": notice.at,
        "team": notice.team,
    }


def _share(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(_RATE) if whole else None


def _usd(nano_usd: int | None) -> Decimal | None:
    return None if nano_usd is None else from_nano_usd(nano_usd)
