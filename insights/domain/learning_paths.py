"""What a team should improve next: its open findings gathered by type, the most worthwhile first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from insights.domain.pattern_learning import Kind, Pattern
from insights.domain.ranking import Ranked

_STEPS_SHOWN = 3
# A type the team keeps rejecting is worth little of its time, however large it looks; what returns is worth more.
_WORTH = {Kind.ANTI_PATTERN: 0.25, Kind.RECURRING: 1.2, Kind.BEST_PRACTICE: 1.5}
_GOALS: Mapping[str, str] = {
    "overpowered_model": "Send simple work to cheaper models",
    "duplicate_prompts": "Answer repeated prompts from the cache",
    "low_quality_model": "Replace models that people rate poorly",
    "failover_spike": "Stop sending requests to failing models",
    "latency_regression": "Win back lost speed",
    "spend_spike": "Bring spend under control",
    "oversized_max_tokens": "Ask for no more tokens than answers need",
    "feedback_gap": "Rate more answers",
    "stale_experiment": "Bring experiments to their end",
    "low_confidence_traffic": "Gather evidence where routing guesses",
    "dominated_model": "Retire models that another one beats",
    "unpriced_traffic": "Know what every request costs",
}


@dataclass(frozen=True, slots=True)
class LearningPath:
    """One thing to get better at.

    Attributes:
        place: From 1.
        score: Sum of its suggestions' scores, times what the team's answers make of its type; only for ordering.
        monthly_savings_nano_usd: Sum over its suggestions of what is known; an upper bound, as some share traffic.
        steps: Fingerprints of the suggestions to begin with, in this order.
    """

    place: int
    finding_type: str
    goal: str
    reason: str
    score: float
    findings: int
    monthly_savings_nano_usd: int
    steps: tuple[str, ...]


def build(ranked: Iterable[Ranked], patterns: Iterable[Pattern] = ()) -> tuple[LearningPath, ...]:
    """Gather ranked suggestions into paths, the most worthwhile first.

    The factor 0.7 for each further suggestion of a type is in their scores, so that many small ones do not outweigh a
    large one.
    """
    kinds = {pattern.finding_type: pattern for pattern in patterns}
    by_type: dict[str, list[Ranked]] = {}
    for each in sorted(ranked, key=lambda each: each.place):
        by_type.setdefault(each.suggested.finding_type, []).append(each)
    scored = sorted((-_score(part, kinds.get(name)), name) for name, part in by_type.items())
    return tuple(
        _path(place, name, -score, by_type[name], kinds.get(name))
        for place, (score, name) in enumerate(scored, start=1)
    )


def _score(part: list[Ranked], pattern: Pattern | None) -> float:
    return sum(each.score for each in part) * (_WORTH[pattern.kind] if pattern else 1.0)


def _path(place: int, name: str, score: float, part: list[Ranked], pattern: Pattern | None) -> LearningPath:
    savings = sum(each.suggested.monthly_savings_nano_usd or 0 for each in part)
    steps = tuple(each.suggested.fingerprint for each in part[:_STEPS_SHOWN])
    goal = _GOALS.get(name, name.replace("_", " ").capitalize())
    return LearningPath(place, name, goal, _reason(len(part), pattern), score, len(part), savings, steps)


def _reason(count: int, pattern: Pattern | None) -> str:
    words = "1 open finding" if count == 1 else f"{count} open findings"
    if pattern is None:
        return f"{words}."
    often = f"{words}; raised {pattern.occurrences} times in 90 days"
    if pattern.kind is Kind.ANTI_PATTERN:
        return f"{often}, and {pattern.rejected} of {pattern.accepted + pattern.rejected} answers rejected it."
    if pattern.kind is Kind.BEST_PRACTICE:
        return f"{often}, and {pattern.accepted} of {pattern.accepted + pattern.rejected} answers accepted it."
    return f"{often}."
