"""A model that so often fails that another one has to answer."""

from insights.domain import certainty, severity, wording
from insights.domain.finding import Action, ActionKind, Category, Finding, Savings, Suggestion
from insights.domain.observations import FirstChoice, Observations
from insights.domain.thresholds import Thresholds

TYPE = "failover_spike"


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find the models that failed over more than the allowed share of their requests."""
    return [
        _finding(choice, thresholds)
        for choice in observations.first_choices
        if choice.requests >= thresholds.min_requests and choice.failovers > thresholds.failover_share * choice.requests
    ]


def _finding(choice: FirstChoice, thresholds: Thresholds) -> Finding:
    share = choice.failovers / choice.requests
    return Finding(
        TYPE,
        Category.RELIABILITY,
        severity.of_excess(share / thresholds.failover_share),
        f"{wording.share(share)} of the requests to {choice.model} had to be answered by another model",
        {"model": choice.model},
        {
            "requests": choice.requests,
            "failovers": choice.failovers,
            "share": round(share, 4),
            "allowed_share": thresholds.failover_share,
            "example_request_ids": list(choice.example_request_ids),
        },
        Suggestion(
            f"Take {choice.model} out of routing until its provider is well.",
            Action(ActionKind.EXCLUDE_MODEL, {"model": choice.model}),
        ),
        certainty.share_above(choice.failovers, choice.requests, thresholds.failover_share),
        Savings(None, "A failed attempt is usually not billed; what it costs is time."),
    )
