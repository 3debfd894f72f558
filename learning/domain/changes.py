"""A run's outcome as it is reported and stored: what changes, what is expected of that, what was left out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from learning.domain.evidence import Evidence
from learning.domain.pattern_table import Choice, Skipped, Table

Action = Literal["set", "replace", "revoke", "confidence"]


@dataclass(frozen=True, slots=True)
class ExpectedEffect:
    """Mean cost of a request in nano-dollars and mean stars, before and after; None where unknown.

    Before is the model that had the pattern; without one, all models that were rated on it. After a revocation nothing
    is known: the complexity strategy chooses by the prompt.
    """

    avg_cost_nano_usd_before: int | None
    avg_cost_nano_usd_after: int | None
    avg_quality_before: float | None
    avg_quality_after: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one pattern; ``provider`` and ``model`` are None where its override is revoked."""

    pattern: str
    action: Action
    previous: str | None
    reason: str
    expected_effect: ExpectedEffect
    provider: str | None = None
    model: str | None = None
    confidence: str | None = None
    confidence_score: float | None = None
    sample_count: int | None = None
    avg_quality: float | None = None
    correctness_rate: float | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model that was considered for a pattern and not chosen; ``confidence`` is what its plain mean says."""

    pattern: str
    provider: str
    model: str
    confidence: str
    confidence_score: float
    sample_count: int
    avg_quality: float
    correctness_rate: float | None
    why: str


def changes(table: Table, evidence: Iterable[Evidence]) -> tuple[Change, ...]:
    """Return what the table changes, by pattern."""
    entries = tuple(evidence)
    return tuple(_change(choice, entries) for choice in table.choices if choice.has_changed)


def left_out(skipped: Iterable[Skipped]) -> Iterator[LeftOut]:
    """Return the models that were not chosen, with what is known of them."""
    for entry in skipped:
        found = entry.assessment
        yield LeftOut(
            pattern=found.evidence.pattern,
            provider=found.evidence.provider,
            model=found.evidence.model,
            confidence=found.level,
            confidence_score=rounded(found.score),
            sample_count=found.evidence.sample_count,
            avg_quality=rounded(found.evidence.avg_quality),
            correctness_rate=rounded_or_none(found.evidence.correctness_rate),
            why=entry.why,
        )


def rounded(value: Fraction | float) -> float:
    """Round to six decimals, more than any figure here means."""
    return round(float(value), 6)


def rounded_or_none(value: Fraction | None) -> float | None:
    return None if value is None else rounded(value)


def _change(choice: Choice, evidence: tuple[Evidence, ...]) -> Change:
    chosen = choice.chosen
    previous = choice.previous.full_name if choice.previous else None
    effect = _effect(choice, [found for found in evidence if found.pattern == choice.pattern])
    if chosen is None:
        return Change(choice.pattern, "revoke", previous, choice.reason, effect)
    entry = chosen.evidence
    return Change(
        choice.pattern,
        _action(entry.full_name, previous),
        previous,
        choice.reason,
        effect,
        provider=entry.provider,
        model=entry.model,
        confidence=chosen.confidence,
        confidence_score=rounded(chosen.score),
        sample_count=entry.sample_count,
        avg_quality=rounded(entry.avg_quality),
        correctness_rate=rounded_or_none(entry.correctness_rate),
    )


def _action(full_name: str, previous: str | None) -> Action:
    if previous is None:
        return "set"
    return "confidence" if full_name == previous else "replace"


def _effect(choice: Choice, rated: list[Evidence]) -> ExpectedEffect:
    previous = choice.previous
    before = rated if previous is None else [entry for entry in rated if entry.full_name == previous.full_name]
    after = choice.chosen.evidence if choice.chosen else None
    return ExpectedEffect(
        avg_cost_nano_usd_before=_mean_cost(before),
        avg_cost_nano_usd_after=after.expected_cost_nano_usd if after else None,
        avg_quality_before=_mean_quality(before),
        avg_quality_after=rounded(after.avg_quality) if after else None,
    )


def _mean_cost(entries: list[Evidence]) -> int | None:
    known = [(entry.sample_count, cost) for entry in entries if (cost := entry.expected_cost_nano_usd) is not None]
    ratings = sum(count for count, _ in known)
    return round(Fraction(sum(count * cost for count, cost in known), ratings)) if ratings else None


def _mean_quality(entries: list[Evidence]) -> float | None:
    ratings = sum(entry.sample_count for entry in entries)
    return rounded(Fraction(sum(entry.star_sum for entry in entries), ratings)) if ratings else None
