"""Simulated teams that answer suggestions by tastes of their own, and how well the ranking learns them.

A suggestion is accepted when it is right and to the team's taste. How often a detector is right is not what it claims:
a claim of c is right with probability c squared. Taste is for categories, for types within them, and for severity.
What a team is asked to rank is held out: it has answered other suggestions, of the same types.
"""

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from insights.domain import acceptance, calibration, ranking
from insights.domain.answers import Answer, Answered
from insights.domain.finding import Category, Severity
from insights.domain.ranking import Suggested, Taste

TEAMS = 10
HELD_OUT = 40
AT = 10
CATEGORIES = {
    "overpowered_model": Category.COST,
    "duplicate_prompts": Category.CACHING,
    "low_quality_model": Category.QUALITY,
    "failover_spike": Category.RELIABILITY,
    "latency_regression": Category.PERFORMANCE,
    "spend_spike": Category.COST,
    "oversized_max_tokens": Category.COST,
    "feedback_gap": Category.QUALITY,
    "stale_experiment": Category.EXPERIMENTATION,
    "low_confidence_traffic": Category.EXPERIMENTATION,
    "dominated_model": Category.COST,
    "unpriced_traffic": Category.COST,
}
_SEVERITY_MATTERS = {Severity.CRITICAL: 0.8, Severity.HIGH: 0.3, Severity.MEDIUM: -0.2, Severity.LOW: -0.6}


@dataclass(frozen=True, slots=True)
class Learned:
    """Means over teams: NDCG@10 of held-out suggestions, and the calibration error of their confidence.

    ``ndcg_random`` is of a random order, ``ndcg_known`` of the order by the true probability of acceptance.
    """

    answers: int
    ndcg_random: float
    ndcg_before: float
    ndcg_after: float
    ndcg_known: float
    error_before: float
    error_after: float


def learn(answers: int, *, seed: int, rounds: int) -> Learned:
    """Let ``TEAMS`` teams give so many answers in all, and rank what they have not seen; ``rounds`` times anew."""
    found = [_round(answers // TEAMS, random.Random(f"{seed} {number}")) for number in range(rounds)]
    means = [statistics.fmean(column) for column in zip(*found, strict=True)]
    return Learned(answers, *means)


def _round(answers_each: int, rng: random.Random) -> list[float]:
    figures = [_of_team(answers_each, rng) for _ in range(TEAMS)]
    return [statistics.fmean(column) for column in zip(*figures, strict=True)]


def _of_team(count: int, rng: random.Random) -> tuple[float, ...]:
    of_category = {category: rng.gauss(0, 1.8) for category in Category}
    tastes = {name: of_category[category] + rng.gauss(0, 1.0) for name, category in CATEGORIES.items()}
    given = [_answered(suggested, _is_accepted(suggested, tastes, rng)) for suggested in _suggestions(count, rng)]
    held_out = _suggestions(HELD_OUT, rng)
    accepted = {each.fingerprint: _is_accepted(each, tastes, rng) for each in held_out}
    taste = Taste(acceptance.learn(given), calibration.measure(given))
    shuffled = rng.sample(held_out, len(held_out))
    known = sorted(held_out, key=lambda each: -_chance(each, tastes))
    assert taste.calibration is not None
    return (
        _ndcg([each.fingerprint for each in shuffled], accepted),
        _ndcg([each.suggested.fingerprint for each in ranking.rank(held_out)], accepted),
        _ndcg([each.suggested.fingerprint for each in ranking.rank(held_out, taste)], accepted),
        _ndcg([each.fingerprint for each in known], accepted),
        _error(held_out, accepted, None),
        _error(held_out, accepted, taste.calibration),
    )


def _suggestions(count: int, rng: random.Random) -> list[Suggested]:
    return [_suggested(number, rng) for number in range(count)]


def _suggested(number: int, rng: random.Random) -> Suggested:
    name = rng.choice(list(CATEGORIES))
    mark = f"{number} {rng.getrandbits(64)}"
    return Suggested(
        mark,
        name,
        CATEGORIES[name],
        rng.choice(list(Severity)),
        rng.uniform(0.7, 1.0),
        round(math.exp(rng.gauss(3.5, 1.5)) * 1e9) if CATEGORIES[name] in (Category.COST, Category.CACHING) else None,
        ranking.fix_minutes(can_be_applied=rng.random() < 0.6),
        # All different: duplicates are not what is measured here.
        frozenset({mark}),
    )


def _is_accepted(suggested: Suggested, tastes: dict[str, float], rng: random.Random) -> bool:
    return rng.random() < _chance(suggested, tastes)


def _chance(suggested: Suggested, tastes: dict[str, float]) -> float:
    wish = tastes[suggested.finding_type] + _SEVERITY_MATTERS[suggested.severity]
    confidence = suggested.confidence or 0.0
    return float(confidence**2 / (1 + math.exp(-wish)))


def _answered(suggested: Suggested, is_accepted: bool) -> Answered:
    return Answered(
        suggested.finding_type,
        suggested.category,
        suggested.severity,
        suggested.confidence or 0.0,
        Answer.ACCEPTED if is_accepted else Answer.REJECTED,
    )


def _ndcg(order: Sequence[str], accepted: dict[str, bool]) -> float:
    """Return the normalized discounted cumulative gain (Järvelin and Kekäläinen 2002) of the first ten."""
    gains = sum(accepted[mark] / math.log2(place + 1) for place, mark in enumerate(order[:AT], start=1))
    best = sum(1 / math.log2(place + 1) for place in range(1, min(AT, sum(accepted.values())) + 1))
    return gains / best if best else 1.0


def _error(held_out: Sequence[Suggested], accepted: dict[str, bool], curve: calibration.Calibration | None) -> float:
    """Return the expected calibration error of confidences, corrected by a curve that has not seen these answers."""
    answers = [_answered(_corrected(each, curve), accepted[each.fingerprint]) for each in held_out]
    return calibration.measure(answers).expected_error or 0.0


def _corrected(suggested: Suggested, curve: calibration.Calibration | None) -> Suggested:
    if curve is None:
        return suggested
    return replace(suggested, confidence=curve.calibrated(suggested.confidence or 0.0))
