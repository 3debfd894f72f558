"""Learns from what teams answered. Always computed anew from the answers, never counted on: a crash loses nothing.

The threshold of a week rests on the answers before its Monday, so that it is the same whenever it is computed, and
changes once a week.
"""

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction

from accounts.models import Team
from accounts.services import features, telemetry
from accounts.services.features import Feature
from insights.domain import acceptance, calibration, pattern_learning, threshold_tuning
from insights.domain.answers import Answered
from insights.domain.threshold_tuning import Tuning
from insights.models import LearningMetric, PatternMetric
from insights.selectors import answered, learned
from insights.services import invalidation, teams

Kind = LearningMetric.Kind
_FIGURES = ("samples", "value", "figures", "computed_at")


def recompute(*, now: datetime) -> dict[str, Any]:
    """Compute acceptance, calibration, thresholds and patterns of every team anew.

    Raises:
        SomeFailed: After all teams had their turn.
    """
    with telemetry.timed("learning_update_duration_seconds"):
        result = teams.each(lambda team: learn(team, now=now), step="learning")
    telemetry.count("learning_metrics_updates_total")
    return result


def learn(team: Team, *, now: datetime) -> None:
    """Do so for one team, in one transaction; what is switched off for it stays as it was."""
    with transaction.atomic():
        if features.is_enabled(Feature.CONFIDENCE_TUNING, team):
            _write(team, _confidence_rows(team, now))
        if features.is_enabled(Feature.PATTERN_LEARNING, team):
            _write(team, [_acceptance_row(team, now)])
            learn_patterns(team, now=now)
        invalidation.bump(team.id)


def tune_all(*, now: datetime) -> dict[str, Any]:
    """Set the confidence thresholds of the week that ``now`` is in.

    Raises:
        SomeFailed: After all teams had their turn.
    """

    def tune(team: Team) -> None:
        if features.is_enabled(Feature.CONFIDENCE_TUNING, team):
            with transaction.atomic():
                _write(team, [_threshold_row(team, now)])
                invalidation.bump(team.id)

    return teams.each(tune, step="thresholds")


def learn_patterns(team: Team, *, now: datetime) -> None:
    """Find which types of finding keep coming back; the team's rows are replaced together."""
    found = pattern_learning.learn(answered.raised(team, now=now), now)
    rows = [PatternMetric(team=team, computed_at=now, **asdict(pattern)) for pattern in found]
    with transaction.atomic():
        # Two at once would delete the same rows and write them twice: they take turns.
        Team.objects.select_for_update(no_key=True).get(id=team.id)
        PatternMetric.objects.filter(team=team).delete()
        PatternMetric.objects.bulk_create(rows)


def _confidence_rows(team: Team, now: datetime) -> list[LearningMetric]:
    measured = calibration.measure(answered.newest(team, until=now))
    figures = {
        "bins": learned.bins(measured),
        "expected_error": measured.expected_error,
        "brier_score": measured.brier_score,
        "curve": list(measured.curve),
    }
    row = LearningMetric(
        kind=Kind.CALIBRATION,
        period=_day(now),
        samples=measured.samples,
        value=measured.expected_error,
        figures=figures,
        computed_at=now,
    )
    return [row, _threshold_row(team, now)]


def _acceptance_row(team: Team, now: datetime) -> LearningMetric:
    rates = acceptance.learn(answered.newest(team, until=now))
    return LearningMetric(
        kind=Kind.ACCEPTANCE,
        period=_day(now),
        samples=rates.overall.decided,
        value=rates.overall.rate if rates.overall.decided else None,
        figures=learned.acceptance_figures(rates),
        computed_at=now,
    )


def _threshold_row(team: Team, now: datetime) -> LearningMetric:
    monday = _monday(now)
    before = learned.metrics(team).filter(kind=Kind.THRESHOLD, period__lt=monday).first()
    present = before.value if before is not None and before.value is not None else learned.FIRST_THRESHOLD
    answers: tuple[Answered, ...] = answered.newest(team, until=datetime.combine(monday, time(), UTC))
    tuned = threshold_tuning.tune(answers, present)
    is_known = LearningMetric.objects.filter(team=team, kind=Kind.THRESHOLD, period=monday).exists()
    if tuned.threshold != present and not is_known:
        telemetry.count("confidence_threshold_changes_total")
    return _of_tuning(tuned, monday, now)


def _of_tuning(tuned: Tuning, monday: date, now: datetime) -> LearningMetric:
    return LearningMetric(
        kind=Kind.THRESHOLD,
        period=monday,
        samples=tuned.samples,
        value=tuned.threshold,
        figures={"previous": tuned.previous, "wanted": tuned.wanted, "reason": tuned.reason},
        computed_at=now,
    )


def _write(team: Team, rows: list[LearningMetric]) -> None:
    for row in rows:
        row.team = team
    LearningMetric.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["team", "kind", "period"], update_fields=_FIGURES
    )


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _monday(now: datetime) -> date:
    today = _day(now)
    return today - timedelta(days=today.weekday())
