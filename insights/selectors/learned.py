"""What was learned from a team's answers."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.models import Team
from accounts.services import features
from accounts.services.features import Feature
from insights.domain import acceptance, calibration, threshold_tuning
from insights.domain.acceptance import Acceptance, Rate
from insights.domain.pattern_learning import Kind, Pattern
from insights.domain.ranking import Taste
from insights.models import LearningMetric, PatternMetric
from insights.selectors import answered

FIRST_THRESHOLD = threshold_tuning.LOWEST / 100


def taste(team: Team, *, now: datetime) -> Taste:
    """Return what ranking knows of the team, from its answers up to now; nothing of what is switched off for it."""
    answers = answered.newest(team, until=now)
    learns = features.is_enabled(Feature.PATTERN_LEARNING, team)
    tunes = features.is_enabled(Feature.CONFIDENCE_TUNING, team)
    return Taste(
        acceptance.learn(answers) if learns and answers else None,
        calibration.measure(answers) if tunes and answers else None,
    )


def threshold(team: Team) -> float:
    """Return the least confidence at which a finding is suggested to the team, 0.7 to 0.99."""
    if not features.is_enabled(Feature.CONFIDENCE_TUNING, team):
        return FIRST_THRESHOLD
    newest = metrics(team).filter(kind=LearningMetric.Kind.THRESHOLD, value__isnull=False).first()
    return FIRST_THRESHOLD if newest is None or newest.value is None else newest.value


def metrics(team: Team) -> QuerySet[LearningMetric]:
    """Return the team's figures of learning, newest first."""
    return LearningMetric.objects.filter(team=team).order_by("-period", "kind")


def pattern_rows(team: Team) -> QuerySet[PatternMetric]:
    """Return the types of finding that keep coming back to the team, the most frequent first."""
    return PatternMetric.objects.filter(team=team).order_by("-occurrences", "finding_type")


def patterns(team: Team) -> tuple[Pattern, ...]:
    """Return the same as the rules have them."""
    return tuple(_pattern(row) for row in pattern_rows(team))


def _pattern(row: PatternMetric) -> Pattern:
    return Pattern(
        row.finding_type,
        Kind(row.kind),
        row.occurrences,
        row.accepted,
        row.rejected,
        row.first_raised_at,
        row.last_raised_at,
    )


def bins(measured: calibration.Calibration) -> list[dict[str, Any]]:
    """Return the ten bins as JSON-able values."""
    return [
        {
            "low": each.low,
            "high": each.high,
            "count": each.count,
            "mean_confidence": each.mean_confidence,
            "accepted_share": each.accepted_share,
        }
        for each in measured.bins
    ]


def acceptance_figures(rates: Acceptance) -> dict[str, Any]:
    """Return the rates as JSON-able values."""
    return {
        "overall": _rate(rates.overall),
        "by_category_and_severity": [
            {"category": category.value, "severity": severity.value, **_rate(rate)}
            for (category, severity), rate in sorted(rates.by_cell.items())
        ],
        "by_type": [{"finding_type": name, **_rate(rate)} for name, rate in sorted(rates.by_type.items())],
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {"accepted": rate.accepted, "rejected": rate.rejected, "ignored": rate.ignored, "rate": rate.rate}
