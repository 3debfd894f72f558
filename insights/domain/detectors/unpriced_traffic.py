"""Requests served by a model whose price nobody has told: their cost is unknown and in no figure."""

from insights.domain import certainty
from insights.domain.finding import Category, Finding, Savings, Severity, Suggestion
from insights.domain.observations import ModelPattern, Observations
from insights.domain.thresholds import Thresholds

TYPE = "unpriced_traffic"
# From this share of the team's requests on, its money figures no longer say what it spends.
_CRITICAL_SHARE = 0.1


def detect(observations: Observations, _thresholds: Thresholds) -> list[Finding]:
    """Find the models with a single unpriced request or more."""
    total = sum(part.requests for part in observations.traffic)
    unpriced: dict[str, list[ModelPattern]] = {}
    for part in observations.traffic:
        if part.unpriced_requests:
            unpriced.setdefault(part.model, []).append(part)
    return [_finding(model, unpriced[model], total) for model in sorted(unpriced)]


def _finding(model: str, parts: list[ModelPattern], total: int) -> Finding:
    count = sum(part.unpriced_requests for part in parts)
    requests = "1 request" if count == 1 else f"{count:,} requests"
    return Finding(
        TYPE,
        Category.COST,
        Severity.CRITICAL if count >= _CRITICAL_SHARE * total else Severity.HIGH,
        f"{requests} to {model} have no known cost",
        {"model": model},
        {
            "unpriced_requests": count,
            "requests": total,
            "input_tokens": sum(part.input_tokens for part in parts),
            "output_tokens": sum(part.output_tokens for part in parts),
            "example_request_ids": sorted(each for part in parts for each in part.example_request_ids),
        },
        Suggestion(f"Ask staff to enter the price of {model}."),
        certainty.COUNTED,
        Savings(None, "Without a price nobody knows what was spent, nor what could be saved."),
    )
