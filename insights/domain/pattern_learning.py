"""Which types of finding keep coming back, and which of them a team always or never acts on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from insights.domain.answers import Answer

WINDOW = timedelta(days=90)
LEAST_OCCURRENCES = 5
_REJECTED_PERCENT = 70
_ACCEPTED_PERCENT = 80


class Kind(StrEnum):
    """What a recurring type is to the team; most are neither."""

    ANTI_PATTERN = "anti_pattern"
    BEST_PRACTICE = "best_practice"
    RECURRING = "recurring"


@dataclass(frozen=True, slots=True)
class Raised:
    """A finding as it was raised: one occurrence of its type, with the newest answer if there is one."""

    finding_type: str
    raised_at: datetime
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A recurring type of finding; rates are of those that said yes or no, None where nobody did."""

    finding_type: str
    kind: Kind
    occurrences: int
    accepted: int
    rejected: int
    first_raised_at: datetime
    last_raised_at: datetime

    @property
    def acceptance_rate(self) -> float | None:
        return self.accepted / (self.accepted + self.rejected) if self.accepted + self.rejected else None

    @property
    def rejection_rate(self) -> float | None:
        return self.rejected / (self.accepted + self.rejected) if self.accepted + self.rejected else None


def learn(findings: Iterable[Raised], now: datetime) -> tuple[Pattern, ...]:
    """Find the types raised at least five times in the 90 days up to ``now``, the most frequent first.

    Rejected more than 70 in 100 times it is an anti-pattern of suggesting, accepted more than 80 in 100 a best
    practice; both need five answers that said yes or no.
    """
    by_type: dict[str, list[Raised]] = {}
    for finding in findings:
        if now - WINDOW < finding.raised_at <= now:
            by_type.setdefault(finding.finding_type, []).append(finding)
    patterns = [_pattern(name, raised) for name, raised in by_type.items() if len(raised) >= LEAST_OCCURRENCES]
    return tuple(sorted(patterns, key=lambda pattern: (-pattern.occurrences, pattern.finding_type)))


def _pattern(name: str, raised: list[Raised]) -> Pattern:
    answers = [finding.answer for finding in raised]
    accepted, rejected = answers.count(Answer.ACCEPTED), answers.count(Answer.REJECTED)
    times = [finding.raised_at for finding in raised]
    return Pattern(name, _kind(accepted, rejected), len(raised), accepted, rejected, min(times), max(times))


def _kind(accepted: int, rejected: int) -> Kind:
    decided = accepted + rejected
    if decided >= LEAST_OCCURRENCES and rejected * 100 > _REJECTED_PERCENT * decided:
        return Kind.ANTI_PATTERN
    if decided >= LEAST_OCCURRENCES and accepted * 100 > _ACCEPTED_PERCENT * decided:
        return Kind.BEST_PRACTICE
    return Kind.RECURRING
