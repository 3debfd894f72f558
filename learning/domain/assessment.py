"""Whether a model may be given a pattern, and if not, why not."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from learning.domain import confidence
from learning.domain.evidence import Evidence

# With a standard error of half a star the 95 % interval of the mean reaches a whole star to each side, which is all
# that lies between a poor model (3 stars) and a good one (4).
MAX_STANDARD_ERROR = 0.5


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run asks of evidence beyond its level; stricter values only leave more models out.

    ``min_samples`` and ``confidence_threshold`` hold back changes: the model that has the pattern already is not
    measured by them.
    """

    min_samples: int = confidence.MIN_SAMPLES
    min_distinct_users: int = 1
    confidence_threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class Assessment:
    """One model on one pattern.

    Attributes:
        level: What the plain mean of its ratings says.
        confidence: The lower of ``level`` and what the mean over voices says: what an override may claim.
        score: In [0, 1].
        refusal: Why it may not be given the pattern; None when it may.
        is_disqualified: Whether the refusal also takes the pattern from a model that has it.
    """

    evidence: Evidence
    level: str
    confidence: str
    score: float
    refusal: str | None
    is_disqualified: bool


def assess(
    evidence: Evidence, *, rules: Rules, is_routable: bool, barred: str | None, is_incumbent: bool
) -> Assessment:
    """Judge a model on a pattern.

    Args:
        is_routable: Whether ``auto`` may choose the model now.
        barred: Why staff took the pattern from the model, None if they did not.
        is_incumbent: Whether the pattern is the model's already.
    """
    rate = evidence.correctness_rate
    level = confidence.level(evidence.sample_count, evidence.avg_quality, rate)
    by_voices = confidence.level(evidence.sample_count, evidence.robust_quality, rate)
    score = confidence.score(evidence.sample_count, evidence.avg_quality, rate)
    disqualified = _why_disqualified(evidence, level, by_voices, rules, is_routable)
    refusal = disqualified or barred or _why_unproven(evidence)
    if refusal is None and not is_incumbent:
        refusal = _why_held_back(evidence, score, rules)
    return Assessment(
        evidence=evidence,
        level=level,
        confidence=confidence.lower(level, by_voices),
        score=score,
        refusal=refusal,
        is_disqualified=disqualified is not None,
    )


def _why_disqualified(evidence: Evidence, level: str, by_voices: str, rules: Rules, is_routable: bool) -> str | None:
    if not is_routable:
        return "auto may not choose the model now"
    if level == confidence.LOW:
        return _why_low(evidence)
    if by_voices == confidence.LOW:
        return (
            f"ratings disagree by user or age: {_stars(evidence.robust_quality)} stars where every person counts once "
            f"and recent ratings count more, {_stars(evidence.avg_quality)} over all ratings"
        )
    if evidence.distinct_users < rules.min_distinct_users:
        return f"rated by {evidence.distinct_users} people, {rules.min_distinct_users} are needed"
    return None


def _why_low(evidence: Evidence) -> str:
    rate = evidence.correctness_rate
    if evidence.avg_quality < confidence.MIN_QUALITY:
        return f"low quality: {_stars(evidence.avg_quality)} stars, {_stars(confidence.MIN_QUALITY)} are needed"
    if rate is not None and rate < confidence.MIN_CORRECTNESS:
        return f"low correctness: {float(rate):.0%}, {float(confidence.MIN_CORRECTNESS):.0%} are needed"
    return f"too few ratings: {evidence.sample_count}, {confidence.MIN_SAMPLES} are needed"


def _why_unproven(evidence: Evidence) -> str | None:
    error = evidence.standard_error
    if error > MAX_STANDARD_ERROR:
        return f"too variable: the mean is uncertain by {error:.2f} stars, at most {MAX_STANDARD_ERROR:g} is allowed"
    return None


def _why_held_back(evidence: Evidence, score: float, rules: Rules) -> str | None:
    if evidence.sample_count < rules.min_samples:
        return f"too few ratings for this run: {evidence.sample_count}, it asks for {rules.min_samples}"
    if score < rules.confidence_threshold:
        return f"confidence {score:.3f} is below this run's threshold of {rules.confidence_threshold:g}"
    return None


def _stars(mean: Fraction) -> str:
    # Rounded down, so that a mean below a limit never reads as the limit itself.
    return f"{floor(mean * 100) / 100:.2f}"
