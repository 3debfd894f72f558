"""How likely a team accepts a suggestion, from what it answered to others.

A rate of few answers is drawn towards the rate of what it is part of, as if that had been seen ``STRENGTH`` times more:
a cell of category and severity towards its category, a category or a type of finding towards all answers, and those
towards a half. This is the posterior mean of a binomial rate with a beta prior (Gelman et al. 2013, "Bayesian Data
Analysis", section 2.4).
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from insights.domain.answers import Answer, Answered
from insights.domain.finding import Category, Severity

STRENGTH = 5.0
_BEFORE_ANY_ANSWER = 0.5
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Rate:
    """Counts of answers, and the share accepted of those that said yes or no, in [0, 1], shrunk."""

    accepted: int
    rejected: int
    ignored: int
    rate: float

    @property
    def decided(self) -> int:
        return self.accepted + self.rejected


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Rates of all answers, and of every part that has one."""

    overall: Rate
    by_category: Mapping[Category, Rate]
    by_cell: Mapping[tuple[Category, Severity], Rate]
    by_type: Mapping[str, Rate]

    def of(self, category: Category, severity: Severity) -> float | None:
        """Return the rate of a cell, or of its category or of all where it has no answer; None without any."""
        if not self.overall.decided:
            return None
        return self.by_cell.get((category, severity), self.by_category.get(category, self.overall)).rate

    def preference(self, finding_type: str) -> float | None:
        """Return the rate of a type of finding; None where nobody said yes or no to one."""
        rate = self.by_type.get(finding_type)
        return rate.rate if rate and rate.decided else None


def learn(answers: Iterable[Answered]) -> Acceptance:
    """Compute all rates anew from the answers, in any order."""
    answers = tuple(answers)
    overall = _rate(answers, _BEFORE_ANY_ANSWER)
    categories = {
        category: _rate(part, overall.rate) for category, part in _grouped(answers, lambda a: a.category).items()
    }
    cells = {
        cell: _rate(part, categories[cell[0]].rate)
        for cell, part in _grouped(answers, lambda a: (a.category, a.severity)).items()
    }
    types = {name: _rate(part, overall.rate) for name, part in _grouped(answers, lambda a: a.finding_type).items()}
    return Acceptance(overall, categories, cells, types)


def _grouped(answers: Iterable[Answered], key: Callable[[Answered], Key]) -> dict[Key, list[Answered]]:
    groups: dict[Key, list[Answered]] = {}
    for answer in answers:
        groups.setdefault(key(answer), []).append(answer)
    return groups


def _rate(answers: Iterable[Answered], parent: float) -> Rate:
    given = [answer.answer for answer in answers]
    accepted, rejected = given.count(Answer.ACCEPTED), given.count(Answer.REJECTED)
    rate = (accepted + STRENGTH * parent) / (accepted + rejected + STRENGTH)
    return Rate(accepted, rejected, given.count(Answer.IGNORED), rate)
