"""A team's open findings as suggestions: ranked, without duplicates, each with what moved it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Team
from accounts.services import telemetry
from insights.domain import ranking, similarity
from insights.domain.finding import Category, Severity
from insights.domain.ranking import Ranked, Suggested
from insights.models import Finding
from insights.selectors import learned

_COLUMNS = (
    "id",
    "fingerprint",
    "finding_type",
    "category",
    "severity",
    "confidence",
    "estimated_monthly_savings_nano_usd",
    "subject",
    "action",
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An open finding in its place."""

    finding: Finding
    ranked: Ranked


@dataclass(frozen=True, slots=True)
class Ranking:
    """A team's suggestions, the best first, of which ``suggestions`` are the first few.

    Attributes:
        total: Suggestions in all.
        threshold: Least confidence that is suggested; ``below_threshold`` open findings have less.
        duplicates: Open findings that others stand for.
    """

    suggestions: tuple[Suggestion, ...]
    total: int
    threshold: float
    below_threshold: int
    duplicates: int


def ranked(team: Team, *, now: datetime, limit: int | None = None) -> Ranking:
    """Rank the open findings of a team by what it answered so far."""
    order, ids, below, threshold = _order(team, now)
    shown = order[:limit]
    wanted = Finding.objects.in_bulk([ids[each.suggested.fingerprint] for each in shown])
    return Ranking(
        tuple(Suggestion(wanted[ids[each.suggested.fingerprint]], each) for each in shown),
        total=len(order),
        threshold=threshold,
        below_threshold=below,
        duplicates=len(ids) - below - len(order),
    )


def order(team: Team, *, now: datetime) -> tuple[Ranked, ...]:
    """Return the same ranking without the findings' own texts and evidence."""
    return _order(team, now)[0]


def _order(team: Team, now: datetime) -> tuple[tuple[Ranked, ...], dict[str, int], int, float]:
    rows = list(Finding.objects.filter(team=team, status=Finding.Status.OPEN).values(*_COLUMNS))
    threshold = learned.threshold(team)
    with telemetry.timed("suggestion_ranking_duration_seconds"):
        found = ranking.rank(_suggested(rows, threshold), learned.taste(team, now=now))
    ids = {row["fingerprint"]: row["id"] for row in rows}
    below = sum(1 for row in rows if row["confidence"] < threshold)
    _note(found, len(rows) - below - len(found))
    return found, ids, below, threshold


def _suggested(rows: list[dict[str, Any]], threshold: float) -> Iterator[Suggested]:
    for row in rows:
        if row["confidence"] >= threshold:
            yield Suggested(
                row["fingerprint"],
                row["finding_type"],
                Category(row["category"]),
                Severity(row["severity"]),
                row["confidence"],
                row["estimated_monthly_savings_nano_usd"],
                ranking.fix_minutes(can_be_applied=row["action"] is not None),
                similarity.facts(row["finding_type"], row["subject"], row["action"]),
            )


def _note(found: tuple[Ranked, ...], duplicates: int) -> None:
    if found:
        telemetry.count("deduplication_hits_total", duplicates)
        telemetry.gauge("average_ranking_score", sum(each.score for each in found) / len(found))
        telemetry.gauge("diversity_factor", sum(each.diversity for each in found) / len(found))
