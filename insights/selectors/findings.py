"""Reviews and findings as they are listed. A ``team`` of None reads all teams, which only staff may ask."""

from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import Team
from insights.models import Finding, Review


class ReviewNotFound(Exception):
    """There is no such review, or it is another team's."""


class FindingNotFound(Exception):
    """There is no such finding, or it is another team's."""


def reviews(team: Team | None, *, before: int | None = None) -> QuerySet[Review]:
    """Return reviews, newest first; with ``before`` only those older than that one."""
    rows = Review.objects.select_related("team")
    rows = rows if team is None else rows.filter(team=team)
    return rows if before is None else rows.filter(id__lt=before)


def review(review_id: int, team: Team | None) -> Review:
    """Return one review; raises ReviewNotFound."""
    row = reviews(team).filter(id=review_id).first()
    if row is None:
        raise ReviewNotFound(f"There is no review {review_id}. GET /api/reviews lists yours.")
    return row


def findings(
    team: Team | None, *, review: int | None = None, before: int | None = None, **equal: Any
) -> QuerySet[Finding]:
    """Return findings, newest first.

    Args:
        review: Only those that this review raised, or saw last.
        before: Only those older than this one.
        equal: Columns and what they must be, such as ``status``.
    """
    rows = Finding.objects.select_related("team").filter(**equal)
    rows = rows if team is None else rows.filter(team=team)
    if review is not None:
        rows = rows.filter(Q(review_id=review) | Q(last_review_id=review))
    return rows if before is None else rows.filter(id__lt=before)


def finding(finding_id: int, team: Team | None) -> Finding:
    """Return one finding; raises FindingNotFound."""
    row = findings(team).filter(id=finding_id).first()
    if row is None:
        raise FindingNotFound(f"There is no finding {finding_id}. GET /api/findings lists yours.")
    return row
