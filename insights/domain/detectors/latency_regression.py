"""A model that has become much slower than it was."""

from insights.domain import certainty, severity
from insights.domain.finding import Category, Finding, Savings, Suggestion
from insights.domain.observations import LatencyChange, Observations
from insights.domain.thresholds import Thresholds

TYPE = "latency_regression"


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find the models whose 95th percentile has grown by the ratio since the window before."""
    return [
        _finding(change, thresholds)
        for change in observations.latencies
        if min(change.requests, change.requests_before) >= thresholds.min_requests
        and change.p95_ms_before > 0
        and change.p95_ms >= thresholds.latency_ratio * change.p95_ms_before
    ]


def _finding(change: LatencyChange, thresholds: Thresholds) -> Finding:
    ratio = change.p95_ms / change.p95_ms_before
    return Finding(
        TYPE,
        Category.PERFORMANCE,
        severity.of_excess(ratio / thresholds.latency_ratio),
        f"{change.model} is {ratio:.1f} times as slow as in the window before",
        {"model": change.model},
        {
            "p95_ms": change.p95_ms,
            "p95_ms_before": change.p95_ms_before,
            "ratio": round(ratio, 4),
            "requests": change.requests,
            "requests_before": change.requests_before,
        },
        Suggestion(f"See whether prompts or answers grew; if not, ask the provider of {change.model} or use another."),
        certainty.of_percentile(min(change.requests, change.requests_before), 95),
        Savings(None, "What waiting costs is not in the ledger."),
    )
