"""What a review does to the findings of its team: raises, sees again, resolves, lets expire."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from insights.domain import review as rules
from insights.domain.finding import Finding as Found
from insights.domain.finding import Severity
from insights.models import Finding, Review

Status = Finding.Status
_TURNED_DOWN = (Status.REJECTED, Status.IGNORED)
_SEVEREST_FIRST = tuple(Severity)
_BATCH = 500
# What a review that sees a finding again brings up to date.
_KEPT_UP = (
    "last_review",
    "last_seen_on",
    "severity",
    "title",
    "evidence",
    "suggestion",
    "action",
    "confidence",
    "estimated_monthly_savings_nano_usd",
    "assumption",
)
# What was turned down stays what it was turned down as, so that one which grows can be told.
_KEPT_UP_TURNED_DOWN = ("last_review", "last_seen_on", "evidence")


@dataclass(frozen=True, slots=True)
class Changes:
    """How many findings a review raised, saw again, resolved, and let expire."""

    new: int
    again: int
    resolved: int
    expired: int


def bring_up_to_date(review: Review, found: tuple[Found, ...], now: datetime) -> Changes:
    """Write what a review found, inside its transaction.

    What holds no longer is resolved. What was turned down stays so until it has not been seen for 30 days, or comes
    back more severe, when it is raised anew. What was last seen longer ago than that has expired.
    """
    live = {
        row.fingerprint: row
        for row in Finding.objects.select_for_update(of=("self",))
        .filter(team_id=review.team_id, status__in=Finding.LIVE)
        .only("id", "fingerprint", "status", "severity", "last_seen_on")
    }
    by_fingerprint = {each.fingerprint: each for each in found}
    grown = {mark for mark, row in live.items() if _has_grown(row, by_fingerprint.get(mark))}
    kept = {mark: row for mark, row in live.items() if mark not in grown}
    standing = rules.compare(
        {mark: row.last_seen_on for mark, row in kept.items()}, tuple(by_fingerprint.values()), review.ends_before
    )
    resolved = {mark for mark in standing.resolved if kept[mark].status not in _TURNED_DOWN}
    # Before anything is raised: a finding lives once.
    _close((live[mark] for mark in resolved | grown), Status.RESOLVED, now)
    _close((live[mark] for mark in standing.expired), Status.EXPIRED, now)
    _see_again(review, [(kept[mark], by_fingerprint[mark]) for mark in sorted(standing.again)], now)
    new = [_raised(review, by_fingerprint[mark], now) for mark in by_fingerprint if mark in standing.new]
    Finding.objects.bulk_create(new, batch_size=_BATCH)
    return Changes(len(new), len(standing.again), len(resolved | grown), len(standing.expired))


def _has_grown(row: Finding, found: Found | None) -> bool:
    if found is None or row.status not in _TURNED_DOWN:
        return False
    return _SEVEREST_FIRST.index(found.severity) < _SEVEREST_FIRST.index(Severity(row.severity))


def _close(rows: Iterable[Finding], status: str, now: datetime) -> None:
    ids = [row.id for row in rows]
    for start in range(0, len(ids), _BATCH):
        Finding.objects.filter(id__in=ids[start : start + _BATCH]).update(status=status, closed_at=now)


def _see_again(review: Review, pairs: list[tuple[Finding, Found]], now: datetime) -> None:
    for fields, is_turned_down in ((_KEPT_UP, False), (_KEPT_UP_TURNED_DOWN, True)):
        rows = [
            _seen(review, row, found, now) for row, found in pairs if (row.status in _TURNED_DOWN) is is_turned_down
        ]
        # An insertion that meets its row: an update of so many rows with values of their own is far slower.
        Finding.objects.bulk_create(
            rows, batch_size=_BATCH, update_conflicts=True, unique_fields=("id",), update_fields=fields
        )


def _seen(review: Review, row: Finding, found: Found, now: datetime) -> Finding:
    """Return what stands for a row that is there, to take over those columns that are to be written."""
    seen = _raised(review, found, now)
    seen.id, seen.status = row.id, row.status
    return seen


def _raised(review: Review, found: Found, now: datetime) -> Finding:
    return Finding(
        team_id=review.team_id,
        review=review,
        fingerprint=found.fingerprint,
        finding_type=found.finding_type,
        category=found.category,
        subject=dict(found.subject),
        created_at=now,
        **_fields(review, found),
    )


def _fields(review: Review, found: Found) -> dict[str, Any]:
    action = found.suggestion.action
    return {
        "last_review": review,
        "last_seen_on": review.ends_before,
        "severity": found.severity,
        "title": found.title[:300],
        "evidence": dict(found.evidence),
        "suggestion": found.suggestion.text,
        "action": action.as_json() if action else None,
        "confidence": found.confidence,
        "estimated_monthly_savings_nano_usd": found.savings.nano_usd,
        "assumption": found.savings.assumption,
    }
