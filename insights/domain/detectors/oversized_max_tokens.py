"""Requests that ask for far more output than any answer needs."""

import math

from insights.domain import certainty, severity
from insights.domain.finding import Action, ActionKind, Category, Finding, Savings, Severity, Suggestion
from insights.domain.observations import Observations, TokenLimit
from insights.domain.thresholds import Thresholds

TYPE = "oversized_max_tokens"
# Limits are suggested in whole multiples of this.
_STEP = 64
# More answers than this share cut off: the limit is too small for some, however large it is for the rest.
_MOST_TRUNCATED = 0.01
_ASSUMPTION = (
    "Tokens that are allowed but not written are not billed. A fitting limit frees what budgets hold back, and bounds "
    "what an answer that never ends can cost."
)


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find the limits that are several times what 99 in 100 answers need, and that cut hardly any answer off."""
    return [_finding(limit, thresholds) for limit in observations.token_limits if _is_oversized(limit, thresholds)]


def suggested_limit(limit: TokenLimit, headroom: float) -> int:
    """Return a limit that would have cut off no answer seen, with ``headroom`` above the 99th percentile."""
    needed = max(limit.most_output_tokens, limit.p99_output_tokens * headroom, _STEP)
    return math.ceil(needed / _STEP) * _STEP


def _is_oversized(limit: TokenLimit, thresholds: Thresholds) -> bool:
    if limit.requests < thresholds.min_requests or limit.truncated_requests > _MOST_TRUNCATED * limit.requests:
        return False
    is_large = limit.max_tokens >= thresholds.token_limit_ratio * max(1, limit.p99_output_tokens)
    return is_large and suggested_limit(limit, thresholds.token_headroom) < limit.max_tokens


def _finding(limit: TokenLimit, thresholds: Thresholds) -> Finding:
    cap = suggested_limit(limit, thresholds.token_headroom)
    ratio = limit.max_tokens / max(1, limit.p99_output_tokens) / thresholds.token_limit_ratio
    return Finding(
        TYPE,
        Category.COST,
        # Nothing is billed for it: never more urgent than medium.
        Severity.MEDIUM if severity.of_excess(ratio) in (Severity.CRITICAL, Severity.HIGH) else Severity.LOW,
        f"{limit.pattern} requests to {limit.model} allow {limit.max_tokens:,} tokens and need {cap:,}",
        {"model": limit.model, "pattern": limit.pattern, "max_tokens": limit.max_tokens},
        {
            "requests": limit.requests,
            "max_tokens": limit.max_tokens,
            "p99_output_tokens": limit.p99_output_tokens,
            "most_output_tokens": limit.most_output_tokens,
            "truncated_requests": limit.truncated_requests,
            "reserved_nano_usd": limit.reserved_nano_usd,
            "cost_nano_usd": limit.cost_nano_usd,
        },
        Suggestion(
            f"Cap max_tokens at {cap:,} for these requests.",
            Action(ActionKind.CAP_MAX_TOKENS, {"model": limit.model, "pattern": limit.pattern, "max_tokens": cap}),
        ),
        certainty.of_percentile(limit.requests, 99),
        Savings(None, _ASSUMPTION),
    )
