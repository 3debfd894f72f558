"""A model in use that another one beats in every respect: cheaper, rated no lower, no slower."""

from collections.abc import Iterator

from insights.domain import certainty, severity, wording
from insights.domain.detectors import quality_floor
from insights.domain.finding import Action, ActionKind, Category, Finding, Savings, Suggestion
from insights.domain.observations import ModelPattern, Observations, OfferedModel
from insights.domain.thresholds import Thresholds

TYPE = "dominated_model"
# Patterns with ratings of both models must cover this share of its requests: a comparison over different mixes of
# patterns could turn around on each of them (Simpson 1951).
_LEAST_COVERED = 0.8
_ASSUMPTION = (
    "The better model needs as many tokens, at its plain rates without discounts for cached input, and the window's "
    "traffic goes on for a month of 30 days."
)


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find the models that another offered one dominates; of several, the one that saves most is named."""
    used: dict[str, list[ModelPattern]] = {}
    for part in observations.traffic:
        if part.is_routed:
            used.setdefault(part.model, []).append(part)
    found = []
    for model in sorted(used):
        better = list(_dominators(model, used[model], observations, thresholds))
        if better:
            savings, confidence, _, by = max(better, key=lambda each: each[:3])
            found.append(_finding(model, by, savings, confidence, used[model], observations))
    return found


def _dominators(
    model: str, parts: list[ModelPattern], observations: Observations, thresholds: Thresholds
) -> Iterator[tuple[int, float, str, OfferedModel]]:
    cost = sum(part.cost_nano_usd for part in parts)
    for other in observations.offered:
        difference = cost - _cost(other, parts)
        savings = observations.per_month(difference)
        is_cheaper = savings >= thresholds.min_monthly_savings_nano_usd
        is_cheaper = is_cheaper and difference >= thresholds.min_savings_share * cost
        if other.model == model or not is_cheaper or _is_slower(other.model, model, observations):
            continue
        confidence = _rated_no_lower(other.model, model, parts, observations, thresholds)
        if confidence is not None:
            yield savings, confidence, other.model, other


def _cost(other: OfferedModel, parts: list[ModelPattern]) -> int:
    return sum(other.cost_nano_usd(part.input_tokens, part.output_tokens) for part in parts)


def _is_slower(model: str, than: str, observations: Observations) -> bool:
    p95 = {change.model: change.p95_ms for change in observations.latencies}
    return model not in p95 or than not in p95 or p95[model] > p95[than]


def _rated_no_lower(
    model: str, than: str, parts: list[ModelPattern], observations: Observations, thresholds: Thresholds
) -> float | None:
    """Return how sure the least sure pattern is; None where one is rated lower or too little is rated."""
    covered, total, surest = 0, 0, 1.0
    for part in parts:
        total += part.requests
        ratings, present = (observations.ratings_of(each, part.pattern) for each in (model, than))
        if min(ratings.count, present.count) < thresholds.min_dominated_ratings:
            continue
        is_lower = certainty.mean_stars(ratings) < certainty.mean_stars(present)
        if is_lower or quality_floor.is_missed(ratings, thresholds):
            return None
        covered += part.requests
        surest = min(surest, certainty.stars_not_worse(ratings, present, 0.0))
    return surest if covered and covered >= _LEAST_COVERED * total else None


def _finding(
    model: str,
    by: OfferedModel,
    savings: int,
    confidence: float,
    parts: list[ModelPattern],
    observations: Observations,
) -> Finding:
    p95 = {change.model: change.p95_ms for change in observations.latencies}
    return Finding(
        TYPE,
        Category.COST,
        severity.of_savings(savings, observations.monthly_cost_nano_usd),
        f"{by.model} is cheaper than {model}, rated no lower and no slower",
        {"model": model},
        {
            "requests": sum(part.requests for part in parts),
            "cost_nano_usd": sum(part.cost_nano_usd for part in parts),
            "p95_ms": p95[model],
            "ratings": quality_floor.as_json(observations.ratings_of(model)),
            "better_model": by.model,
            "better_model_cost_nano_usd": _cost(by, parts),
            "better_model_p95_ms": p95[by.model],
            "better_model_ratings": quality_floor.as_json(observations.ratings_of(by.model)),
        },
        Suggestion(
            f"Take {model} out of routing, {wording.usd(savings)} a month.",
            Action(ActionKind.EXCLUDE_MODEL, {"model": model}),
        ),
        confidence,
        Savings(savings, _ASSUMPTION),
    )
