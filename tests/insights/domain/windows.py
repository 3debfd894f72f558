"""Windows of a team's traffic with one thing in them, and what is said to suggestions."""

from datetime import date
from typing import Any

from insights.domain.answers import Answer, Answered
from insights.domain.finding import Category, Finding, Severity
from insights.domain.observations import ModelPattern, Observations, OfferedModel, Ratings
from insights.domain.review import DETECTORS
from insights.domain.thresholds import DEFAULTS

USD = 1_000_000_000
MONDAY = date(2026, 3, 2)
NEXT_MONDAY = date(2026, 3, 9)
DEAR, CHEAP = "acme/large", "acme/small"
# Dollars for a million tokens, in and out: 10 and 30 against 1 and 2.
OFFERED = (OfferedModel(DEAR, 10 * USD, 30 * USD), OfferedModel(CHEAP, USD, 2 * USD))


def window(**parts: Any) -> Observations:
    """Return observations of seven days."""
    return Observations(MONDAY, NEXT_MONDAY, **parts)


def traffic(model: str = DEAR, pattern: str = "code", **figures: Any) -> ModelPattern:
    """Return a thousand routed requests: a million tokens in, 0.2 million out, $10 + $6 at the dear model's price."""
    usual = {"is_routed": True, "requests": 1000, "input_tokens": 1_000_000, "output_tokens": 200_000}
    return ModelPattern(model, pattern, **{**usual, "cost_nano_usd": 16 * USD, **figures})


def rated(model: str, *stars: int, pattern: str = "code", judged: int = 0, correct: int = 0) -> Ratings:
    """Return ratings of so many stars each."""
    return Ratings(model, pattern, len(stars), sum(stars), sum(each * each for each in stars), judged, correct)


def found(finding_type: str, observations: Observations) -> list[Finding]:
    """Run one detector with the default thresholds."""
    return DETECTORS[finding_type](observations, DEFAULTS)


def answered(answer: Answer, count: int = 1, **kind: Any) -> list[Answered]:
    """Return equal answers to findings of one kind."""
    usual: dict[str, Any] = {
        "finding_type": "overpowered_model",
        "category": Category.COST,
        "severity": Severity.HIGH,
        "confidence": 0.95,
    }
    return [Answered(**{**usual, **kind}, answer=answer)] * count
