"""The order in which suggestions are shown, and what moved each of them up or down."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from insights.domain import similarity
from insights.domain.acceptance import Acceptance
from insights.domain.calibration import Calibration
from insights.domain.finding import Category, Finding, Severity
from insights.domain.thresholds import ONE_USD

MISSING = 0.5
DIVERSITY = 0.7
# Money has its full impact here; a dollar has none.
_FULL_IMPACT_USD = 10_000
_IMPACT_WITHOUT_MONEY = {Severity.CRITICAL: 1.0, Severity.HIGH: 0.75, Severity.MEDIUM: 0.5, Severity.LOW: 0.25}
# A fix that takes this long is worth half as much as one that takes no time.
_HALF_WORTH_MINUTES = 60.0
_ONE_CLICK_MINUTES = 5.0
_BY_HAND_MINUTES = 120.0


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each factor counts; together 1."""

    confidence: float = 0.30
    acceptance: float = 0.25
    impact: float = 0.25
    fix_time: float = 0.10
    preference: float = 0.10


@dataclass(frozen=True, slots=True)
class Suggested:
    """What ranking knows of an open finding; ``confidence`` is None where a detector gave none.

    ``facts`` are those of ``similarity.facts``.
    """

    fingerprint: str
    finding_type: str
    category: Category
    severity: Severity
    confidence: float | None
    monthly_savings_nano_usd: int | None
    fix_minutes: float | None
    facts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Taste:
    """What was learned from answers; None where nothing was, or where learning is switched off."""

    acceptance: Acceptance | None = None
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor in [0, 1]; ``effect`` is what it added to a score in which every factor is a half."""

    name: str
    value: float
    weight: float
    is_missing: bool

    @property
    def effect(self) -> float:
        return self.weight * (self.value - MISSING)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A suggestion in its place.

    Attributes:
        place: From 1.
        base_score: The weighted factors, in [0, 1].
        diversity: 0.7 to the power of how many of its type stand above it.
        score: ``base_score`` times ``diversity``.
        stands_for: Fingerprints of other suggestions that ask for the same and are not shown.
    """

    place: int
    suggested: Suggested
    factors: tuple[Factor, ...]
    base_score: float
    diversity: float
    score: float
    stands_for: tuple[str, ...] = ()

    @property
    def explanation(self) -> tuple[str, ...]:
        """What moved it, the strongest first, in words."""
        strongest = sorted(self.factors, key=lambda factor: (-abs(factor.effect), factor.name))
        lines = [_told(factor) for factor in strongest if factor.is_missing or abs(factor.effect) >= 0.0005]
        if self.diversity < 1:
            lines.append(f"moved down to {self.diversity:.2f} of its score: others of its type stand above it")
        if self.stands_for:
            lines.append(f"stands for {len(self.stands_for)} more that ask for the same")
        return tuple(lines)


@dataclass(slots=True)
class _Scored:
    suggested: Suggested
    factors: tuple[Factor, ...]
    score: float
    stands_for: list[str] = field(default_factory=list)

    @property
    def order(self) -> tuple[float, int, str]:
        return -self.score, -(self.suggested.monthly_savings_nano_usd or 0), self.suggested.fingerprint


def of_finding(finding: Finding) -> Suggested:
    """Return what ranking needs of a finding."""
    action = finding.suggestion.action
    return Suggested(
        finding.fingerprint,
        finding.finding_type,
        finding.category,
        finding.severity,
        finding.confidence,
        finding.savings.nano_usd,
        fix_minutes(can_be_applied=action is not None),
        similarity.facts(finding.finding_type, finding.subject, action.as_json() if action else None),
    )


def fix_minutes(*, can_be_applied: bool) -> float:
    """Return how long following a suggestion takes: reading and accepting it, or a change in the team's own code."""
    return _ONE_CLICK_MINUTES if can_be_applied else _BY_HAND_MINUTES


def rank(
    suggested: Iterable[Suggested], taste: Taste | None = None, weights: Weights | None = None
) -> tuple[Ranked, ...]:
    """Order suggestions, the best first, whatever order they come in.

    Of those with one fingerprint or similar facts the one with the highest score is shown. Each further one of a type
    counts 0.7 times as much as the one of its type before it.
    """
    taste, weights = taste or Taste(), weights or Weights()
    scored = sorted((_scored(each, taste, weights) for each in suggested), key=lambda each: each.order)
    return _placed(_without_duplicates(scored))


def _scored(suggested: Suggested, taste: Taste, weights: Weights) -> _Scored:
    factors = tuple(
        Factor(name, MISSING if value is None else value, getattr(weights, name), value is None)
        for name, value in _values(suggested, taste).items()
    )
    return _Scored(suggested, factors, sum(factor.weight * factor.value for factor in factors))


def _values(suggested: Suggested, taste: Taste) -> Mapping[str, float | None]:
    learned = taste.acceptance
    return {
        "confidence": _confidence(suggested.confidence, taste.calibration),
        "acceptance": learned.of(suggested.category, suggested.severity) if learned else None,
        "impact": _impact(suggested),
        "fix_time": _fix_time(suggested.fix_minutes),
        "preference": learned.preference(suggested.finding_type) if learned else None,
    }


def _confidence(confidence: float | None, calibration: Calibration | None) -> float | None:
    if confidence is None or calibration is None:
        return confidence
    return calibration.calibrated(confidence)


def _impact(suggested: Suggested) -> float:
    savings = suggested.monthly_savings_nano_usd
    if savings is None:
        return _IMPACT_WITHOUT_MONEY[suggested.severity]
    # Logarithmic: ten times the money is one step, wherever it starts.
    usd = max(1.0, savings / ONE_USD)
    return min(1.0, math.log(usd) / math.log(_FULL_IMPACT_USD))


def _fix_time(minutes: float | None) -> float | None:
    return None if minutes is None else 1 / (1 + minutes / _HALF_WORTH_MINUTES)


def _without_duplicates(scored: list[_Scored]) -> list[_Scored]:
    first: dict[str, _Scored] = {}
    for each in scored:
        first.setdefault(each.suggested.fingerprint, each)
    kept = list(first.values())
    if not kept:
        return []
    places = similarity.first_alike([each.suggested.facts for each in kept])
    for place, alike in enumerate(places):
        if place != alike:
            kept[alike].stands_for.append(kept[place].suggested.fingerprint)
    return [each for place, each in enumerate(kept) if places[place] == place]


def _placed(scored: list[_Scored]) -> tuple[Ranked, ...]:
    above: dict[str, int] = {}
    ranked = []
    for each in scored:
        count = above.get(each.suggested.finding_type, 0)
        above[each.suggested.finding_type] = count + 1
        diversity = DIVERSITY**count
        score = each.score * diversity
        stands_for = tuple(sorted(each.stands_for))
        ranked.append(Ranked(0, each.suggested, each.factors, each.score, diversity, score, stands_for))
    # The sort is stable: of equal scores the one that stood higher before stays there.
    ranked.sort(key=lambda each: -each.score)
    return tuple(replace(each, place=place) for place, each in enumerate(ranked, start=1))


def _told(factor: Factor) -> str:
    name = factor.name.replace("_", " ")
    if factor.is_missing:
        return f"{name} is not known and counts as {MISSING}"
    direction = "up" if factor.effect > 0 else "down"
    return f"{name} {factor.value:.2f} moved it {direction} by {abs(factor.effect):.3f}"
