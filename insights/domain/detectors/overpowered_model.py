"""A pattern answered by a model that costs more than one that people rate as good enough on it."""

from collections.abc import Iterator
from dataclasses import dataclass

from insights.domain import certainty, severity, wording
from insights.domain.detectors import quality_floor
from insights.domain.finding import Action, ActionKind, Category, Finding, Savings, Suggestion
from insights.domain.observations import ModelPattern, Observations, Ratings
from insights.domain.thresholds import Thresholds

TYPE = "overpowered_model"
_ASSUMPTION = (
    "The cheaper model needs as many tokens as the present one, at its plain rates without discounts for cached input, "
    "and the window's traffic goes on for a month of 30 days."
)


@dataclass(frozen=True, slots=True)
class _Replacement:
    model: str
    cost_nano_usd: int
    monthly_savings_nano_usd: int
    ratings: Ratings
    confidence: float


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find the pairs of pattern and model whose requests a cheaper model would answer within the quality margin."""
    found = []
    for part in observations.traffic:
        options = list(_replacements(part, observations, thresholds))
        if options:
            best = max(options, key=lambda option: (option.monthly_savings_nano_usd * option.confidence, option.model))
            found.append(_finding(part, best, observations))
    return found


def _replacements(part: ModelPattern, observations: Observations, thresholds: Thresholds) -> Iterator[_Replacement]:
    present = observations.ratings_of(part.model, part.pattern)
    if present.count < thresholds.min_ratings:
        return
    for offered in observations.offered:
        cost = offered.cost_nano_usd(part.input_tokens, part.output_tokens)
        saved = observations.per_month(part.cost_nano_usd - cost)
        is_routed_there = part.is_routed and (part.pattern, offered.model) in observations.overrides
        if offered.model == part.model or is_routed_there or not _is_worth_it(part, cost, saved, thresholds):
            continue
        ratings = observations.ratings_of(offered.model, part.pattern)
        if _is_good_enough(ratings, present, thresholds):
            confidence = certainty.stars_not_worse(ratings, present, thresholds.quality_margin_stars)
            yield _Replacement(offered.model, cost, saved, ratings, confidence)


def _is_worth_it(part: ModelPattern, cost: int, saved_a_month: int, thresholds: Thresholds) -> bool:
    is_cheaper = part.cost_nano_usd - cost >= thresholds.min_savings_share * part.cost_nano_usd
    return is_cheaper and saved_a_month >= thresholds.min_monthly_savings_nano_usd


def _is_good_enough(ratings: Ratings, present: Ratings, thresholds: Thresholds) -> bool:
    if ratings.count < thresholds.min_ratings or quality_floor.is_missed(ratings, thresholds):
        return False
    return certainty.mean_stars(ratings) >= certainty.mean_stars(present) - thresholds.quality_margin_stars


def _finding(part: ModelPattern, best: _Replacement, observations: Observations) -> Finding:
    savings = best.monthly_savings_nano_usd
    present = observations.ratings_of(part.model, part.pattern)
    return Finding(
        TYPE,
        Category.COST,
        severity.of_savings(savings, observations.monthly_cost_nano_usd),
        f"{best.model} would answer {part.pattern} requests of {part.model} for {wording.usd(savings)} a month less",
        {"model": part.model, "pattern": part.pattern, "is_routed": part.is_routed},
        {
            "requests": part.requests,
            "input_tokens": part.input_tokens,
            "output_tokens": part.output_tokens,
            "cost_nano_usd": part.cost_nano_usd,
            "ratings": quality_floor.as_json(present),
            "cheaper_model": best.model,
            "cheaper_model_cost_nano_usd": best.cost_nano_usd,
            "cheaper_model_ratings": quality_floor.as_json(best.ratings),
            "example_request_ids": list(part.example_request_ids),
        },
        _suggestion(part, best),
        best.confidence,
        Savings(savings, _ASSUMPTION),
    )


def _suggestion(part: ModelPattern, best: _Replacement) -> Suggestion:
    if not part.is_routed:
        return Suggestion(
            f"These requests name {part.model}. Let their callers ask for `auto`, or for {best.model}, instead."
        )
    action = Action(ActionKind.ROUTE_PATTERN, {"pattern": part.pattern, "model": best.model})
    return Suggestion(f"Route {part.pattern} requests to {best.model}.", action)
