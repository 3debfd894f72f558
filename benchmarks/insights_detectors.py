"""Holds what reviews find against what there is to find."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from benchmarks.insights_world import KINDS, Team, Truth, truths
from insights.domain import review
from insights.domain.finding import Finding

SUGGESTED_FROM = 0.7
HEADINGS = (
    "detector",
    "planted",
    "found",
    "recall",
    "raised",
    "right",
    "precision",
    "at nearly so",
    "on clean traffic",
)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A team and what a review of it found, as type, subject and confidence."""

    team: Team
    found: tuple[tuple[Truth, float], ...]


def reviews(teams: Iterable[Team], starts_on: date, ends_before: date) -> list[Reviewed]:
    """Gather each team's traffic from the database and run all detectors over it."""
    from accounts.models import Team as TeamRow
    from insights.selectors import observations

    rows = {row.slug: row for row in TeamRow.objects.all()}
    done = []
    for team in teams:
        seen = observations.gather(rows[team.slug], starts_on, ends_before)
        done.append(Reviewed(team, tuple((_truth(each), each.confidence) for each in review.review(seen))))
    return done


def table(reviewed: list[Reviewed], *, least_confidence: float) -> list[tuple[str, ...]]:
    """Count by detector what was raised with at least this confidence; the last row is of all of them."""
    lines = [_Line.of(kind, reviewed, least_confidence) for kind in KINDS]
    return [line.cells for line in (*lines, _Line.sum(lines))]


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    planted: int
    found: int
    raised: int
    nearly: int
    clean: int

    @classmethod
    def of(cls, kind: str, reviewed: list[Reviewed], least: float) -> "_Line":
        planted = found = raised = nearly = clean = 0
        for each in reviewed:
            there = {truth for truth in truths(each.team) if truth[0] == kind}
            told = {truth for truth, confidence in each.found if truth[0] == kind and confidence >= least}
            wrong = len(told - there)
            planted, found, raised = planted + len(there), found + len(there & told), raised + len(told)
            if kind in each.team.nearly:
                nearly += wrong
            elif not each.team.planted:
                clean += wrong
        return cls(kind, planted, found, raised, nearly, clean)

    @classmethod
    def sum(cls, lines: list["_Line"]) -> "_Line":
        names = ("planted", "found", "raised", "nearly", "clean")
        return cls("all", *(sum(getattr(line, name) for line in lines) for name in names))

    @property
    def cells(self) -> tuple[str, ...]:
        recall = f"{self.found / self.planted:.2f}" if self.planted else "-"
        precision = f"{self.found / self.raised:.2f}" if self.raised else "-"
        counts = (self.planted, self.found), (self.raised, self.found), (self.nearly, self.clean)
        (planted, found), (raised, right), (nearly, clean) = counts
        return (
            self.name.replace("_", " "),
            str(planted),
            str(found),
            recall,
            str(raised),
            str(right),
            precision,
            str(nearly),
            str(clean),
        )


def _truth(found: Finding) -> Truth:
    return found.finding_type, _SUBJECTS.get(found.finding_type, _nothing)(found.subject)


def _nothing(_subject: Mapping[str, Any]) -> str:
    return ""


def _model(subject: Mapping[str, Any]) -> str:
    return str(subject["model"])


def _pattern(subject: Mapping[str, Any]) -> str:
    return str(subject["pattern"])


def _model_and_pattern(subject: Mapping[str, Any]) -> str:
    return f"{subject['model']} {subject['pattern']}"


def _experiment(_subject: Mapping[str, Any]) -> str:
    return "experiment"


_SUBJECTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "overpowered_model": _model_and_pattern,
    "low_quality_model": _model_and_pattern,
    "failover_spike": _model,
    "latency_regression": _model,
    # Each model of the pattern has a finding of its own about one and the same limit.
    "oversized_max_tokens": _pattern,
    "feedback_gap": _pattern,
    "stale_experiment": _experiment,
    "low_confidence_traffic": _pattern,
    "dominated_model": _model,
    "unpriced_traffic": _model,
}
