"""A model whose answers to a pattern are rated poorly."""

from insights.domain import certainty
from insights.domain.detectors import quality_floor
from insights.domain.finding import Action, ActionKind, Category, Finding, Savings, Severity, Suggestion
from insights.domain.observations import Observations, Ratings
from insights.domain.thresholds import Thresholds

TYPE = "low_quality_model"
# How far below the floor, as a share of the way down to the worst there is.
_CRITICAL, _HIGH = 0.6, 0.3
_WORST_STARS = 1.0


def detect(observations: Observations, thresholds: Thresholds) -> list[Finding]:
    """Find the pairs of pattern and model with poor ratings among those that had traffic in the window."""
    served = sorted({(part.model, part.pattern) for part in observations.traffic if part.requests})
    rated = [observations.ratings_of(model, pattern) for model, pattern in served]
    return [
        _finding(ratings, observations, thresholds)
        for ratings in rated
        if ratings.count >= thresholds.min_ratings and quality_floor.is_missed(ratings, thresholds)
    ]


def _finding(ratings: Ratings, observations: Observations, thresholds: Thresholds) -> Finding:
    parts = [p for p in observations.traffic if (p.model, p.pattern) == (ratings.model, ratings.pattern)]
    evidence = {
        "requests": sum(part.requests for part in parts),
        "cost_nano_usd": sum(part.cost_nano_usd for part in parts),
        "ratings": quality_floor.as_json(ratings),
        "min_stars": thresholds.min_quality_stars,
        "min_correctness": thresholds.min_correctness,
        "example_request_ids": sorted(each for part in parts for each in part.example_request_ids),
    }
    return Finding(
        TYPE,
        Category.QUALITY,
        _severity(ratings, thresholds),
        f"Answers of {ratings.model} to {ratings.pattern} requests are rated poorly",
        {"model": ratings.model, "pattern": ratings.pattern},
        evidence,
        _suggestion(ratings, any(part.is_routed for part in parts), observations, thresholds),
        _confidence(ratings, thresholds),
        Savings(None, "What poor answers cost the people who get them is not in the ledger."),
    )


def _confidence(ratings: Ratings, thresholds: Thresholds) -> float:
    stars = certainty.stars_below(ratings, thresholds.min_quality_stars)
    if not quality_floor.is_correctness_low(ratings, thresholds):
        return stars
    wrong = ratings.judged - ratings.correct
    return max(stars, certainty.share_above(wrong, ratings.judged, 1 - thresholds.min_correctness))


def _severity(ratings: Ratings, thresholds: Thresholds) -> Severity:
    floor = thresholds.min_quality_stars
    shortfall = (floor - certainty.mean_stars(ratings)) / (floor - _WORST_STARS)
    if quality_floor.is_correctness_low(ratings, thresholds):
        shortfall = max(shortfall, 1 - ratings.correct / ratings.judged / thresholds.min_correctness)
    if shortfall >= _CRITICAL:
        return Severity.CRITICAL
    return Severity.HIGH if shortfall >= _HIGH else Severity.MEDIUM


def _suggestion(ratings: Ratings, is_routed: bool, observations: Observations, thresholds: Thresholds) -> Suggestion:
    others = [observations.ratings_of(offered.model, ratings.pattern) for offered in observations.offered]
    good = [
        other
        for other in others
        if other.model != ratings.model
        and other.count >= thresholds.min_ratings
        and not quality_floor.is_missed(other, thresholds)
    ]
    if not good:
        return Suggestion("No other model has proven better here yet. Try one, and rate its answers.")
    best = max(good, key=lambda other: (certainty.mean_stars(other), other.count, other.model)).model
    if not is_routed:
        return Suggestion(f"These requests name {ratings.model}; {best} is rated better. Ask for it, or for `auto`.")
    action = Action(ActionKind.ROUTE_PATTERN, {"pattern": ratings.pattern, "model": best})
    return Suggestion(f"Route {ratings.pattern} requests to {best}, which is rated better.", action)
