"""Prompts that were paid for again though the response cache could have answered them."""

from insights.domain import certainty, severity, wording
from insights.domain.finding import Action, ActionKind, Category, Finding, Savings, Suggestion
from insights.domain.observations import Observations, RepeatedPrompt
from insights.domain.thresholds import Thresholds

TYPE = "duplicate_prompts"
_SHOWN = 5
_ASSUMPTION = (
    "Prompts repeat as often in a month of 30 days as in the window, and each repeat within the lifetime of a cached "
    "answer would have been answered from the cache at no cost."
)


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find what all repeated prompts of the window cost together."""
    repeated = sorted(observations.repeated_prompts, key=lambda p: (-p.repeats_cost_nano_usd, p.prompt_fingerprint))
    cost = sum(prompt.repeats_cost_nano_usd for prompt in repeated)
    savings = observations.per_month(cost)
    if savings < thresholds.min_monthly_savings_nano_usd:
        return []
    repeats = sum(prompt.repeats for prompt in repeated)
    return [
        Finding(
            TYPE,
            Category.CACHING,
            severity.of_savings(savings, observations.monthly_cost_nano_usd),
            f"{repeats:,} repeated prompts were paid for again, {wording.usd(savings)} a month",
            {},
            {
                "prompts": len(repeated),
                "repeats": repeats,
                "repeats_cost_nano_usd": cost,
                "is_cache_on": observations.is_cache_on,
                "most_expensive": [_as_json(prompt) for prompt in repeated[:_SHOWN]],
            },
            _suggestion(observations.is_cache_on),
            certainty.COUNTED,
            Savings(savings, _ASSUMPTION),
        )
    ]


def _suggestion(is_cache_on: bool) -> Suggestion:
    if is_cache_on:
        return Suggestion("The response cache is on, but these requests go past it. Let their callers use it.")
    return Suggestion("Turn the response cache on for this team.", Action(ActionKind.ENABLE_RESPONSE_CACHE))


def _as_json(prompt: RepeatedPrompt) -> dict[str, object]:
    return {
        "prompt_fingerprint": prompt.prompt_fingerprint,
        "model": prompt.model,
        "requests": prompt.requests,
        "repeats": prompt.repeats,
        "repeats_cost_nano_usd": prompt.repeats_cost_nano_usd,
        "example_request_ids": list(prompt.example_request_ids),
    }
