"""A pattern with much traffic that nobody rates, so that routing cannot learn from it."""

from insights.domain import certainty, wording
from insights.domain.detectors.pattern_sums import PatternSums, by_pattern
from insights.domain.finding import Category, Finding, Savings, Severity, Suggestion
from insights.domain.observations import Observations
from insights.domain.thresholds import Thresholds

TYPE = "feedback_gap"
# From this share of the team's spend on, not knowing how good the answers are is more than a blemish.
_LARGE_SHARE = 0.2


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find the patterns of which less than the wanted share of requests is rated."""
    spend = sum(part.cost_nano_usd for part in observations.traffic)
    return [
        _finding(sums, spend, thresholds)
        for sums in by_pattern(observations.traffic)
        if sums.requests >= thresholds.min_rateable_requests
        and sums.rated_requests < thresholds.min_rated_share * sums.requests
    ]


def _finding(sums: PatternSums, spend: int, thresholds: Thresholds) -> Finding:
    share = sums.rated_requests / sums.requests
    is_large = spend > 0 and sums.cost_nano_usd >= _LARGE_SHARE * spend
    return Finding(
        TYPE,
        Category.QUALITY,
        Severity.MEDIUM if is_large else Severity.LOW,
        f"Only {wording.share(share)} of the {sums.pattern} requests are rated",
        {"pattern": sums.pattern},
        {
            "requests": sums.requests,
            "rated_requests": sums.rated_requests,
            "share": round(share, 6),
            "wanted_share": thresholds.min_rated_share,
            "cost_nano_usd": sums.cost_nano_usd,
        },
        Suggestion(f"Send ratings of {sums.pattern} answers, or of a sample of them, to the feedback endpoint."),
        certainty.COUNTED,
        Savings(None, "Ratings save nothing by themselves; without them cheaper models cannot prove themselves."),
    )
