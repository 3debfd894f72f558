"""What a team said to its suggestions, as learning takes it: the newest answer to each finding."""

from datetime import datetime, timedelta

from accounts.models import Team
from insights.domain import pattern_learning
from insights.domain.answers import Answer, Answered
from insights.domain.finding import Category, Severity
from insights.domain.pattern_learning import Raised
from insights.models import Finding, SuggestionFeedback

# Tastes change: older answers say little of what a team wants today.
ANSWERS_COUNT_FOR = timedelta(days=180)
_COLUMNS = ("finding_id", "finding_type", "category", "severity", "confidence", "verdict")


def newest(team: Team, *, until: datetime) -> tuple[Answered, ...]:
    """Return the newest answer to each finding that was answered in the 180 days up to ``until``."""
    rows = SuggestionFeedback.objects.filter(
        team=team, created_at__gt=until - ANSWERS_COUNT_FOR, created_at__lte=until
    ).order_by("id")
    found = {row[0]: row[1:] for row in rows.values_list(*_COLUMNS)}
    return tuple(
        Answered(finding_type, Category(category), Severity(severity), confidence, Answer(verdict))
        for finding_type, category, severity, confidence, verdict in found.values()
    )


def raised(team: Team, *, now: datetime) -> tuple[Raised, ...]:
    """Return the findings raised in the 90 days up to ``now``, each with its newest answer."""
    since = now - pattern_learning.WINDOW
    findings = Finding.objects.filter(team=team, created_at__gt=since, created_at__lte=now)
    answers = SuggestionFeedback.objects.filter(team=team, created_at__gt=since, finding__created_at__gt=since)
    verdicts = dict(answers.order_by("id").values_list("finding_id", "verdict"))
    return tuple(
        Raised(finding_type, created_at, Answer(verdicts[pk]) if pk in verdicts else None)
        for pk, finding_type, created_at in findings.order_by("id").values_list("id", "finding_type", "created_at")
    )
