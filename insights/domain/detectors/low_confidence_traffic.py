"""A pattern whose routing rests on little evidence."""

from insights.domain import certainty, severity, wording
from insights.domain.detectors.pattern_sums import PatternSums, by_pattern
from insights.domain.finding import Action, ActionKind, Category, Finding, Savings, Suggestion
from insights.domain.observations import Observations
from insights.domain.thresholds import Thresholds

TYPE = "low_confidence_traffic"


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find the patterns of which the share of decisions with low confidence is past its limit."""
    routed = by_pattern(part for part in observations.traffic if part.is_routed)
    return [
        _finding(sums, thresholds)
        for sums in routed
        if sums.requests >= thresholds.min_requests
        and sums.low_confidence_requests >= thresholds.low_confidence_share * sums.requests
    ]


def _finding(sums: PatternSums, thresholds: Thresholds) -> Finding:
    share = sums.low_confidence_requests / sums.requests
    return Finding(
        TYPE,
        Category.EXPERIMENTATION,
        severity.of_excess(share / thresholds.low_confidence_share),
        f"{wording.share(share)} of the {sums.pattern} requests are routed with low confidence",
        {"pattern": sums.pattern},
        {
            "routed_requests": sums.requests,
            "low_confidence_requests": sums.low_confidence_requests,
            "share": round(share, 4),
            "limit": thresholds.low_confidence_share,
            "cost_nano_usd": sums.cost_nano_usd,
            "example_request_ids": list(sums.example_request_ids),
        },
        Suggestion(
            f"Rate {sums.pattern} answers, and let an experiment compare what was learned with the rule.",
            Action(ActionKind.START_EXPERIMENT, {"control_strategy": "complexity", "test_strategy": "hybrid"}),
        ),
        certainty.share_above(sums.low_confidence_requests, sums.requests, thresholds.low_confidence_share),
        Savings(None, "How much better other choices would be is what the experiment finds out."),
    )
