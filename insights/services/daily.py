"""What is kept of insights day by day; each pass may run again and writes the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import Team
from accounts.services import features, telemetry
from accounts.services.features import Feature
from insights.models import InsightsTrend, LearningPath, TeamMetric
from insights.selectors import paths
from insights.selectors import team_metrics as figures
from insights.selectors import trends as weeks
from insights.services import invalidation, learning, teams

ARCHIVED_AFTER = timedelta(days=365)
_DAY = timedelta(days=1)
_TREND_FIELDS = ("value", "is_complete", "computed_at", "archived_at")
_PATH_FIELDS = ("place", "finding_type", "goal", "reason", "score", "findings", "monthly_savings_nano_usd")


def learning_paths(*, now: datetime) -> dict[str, Any]:
    """Keep what every team should improve next; raises SomeFailed after all teams had their turn."""

    def keep(team: Team) -> None:
        if features.is_enabled(Feature.LEARNING_PATHS, team):
            keep_paths(team, now=now)

    return teams.each(keep, step="learning paths")


def keep_paths(team: Team, *, now: datetime) -> None:
    """Replace a team's paths, all in one transaction: whoever reads sees the former ones or these, never a mixture."""
    found = paths.build(team, now=now)
    rows = [
        LearningPath(
            team=team,
            steps=list(path.steps),
            computed_at=now,
            **{name: getattr(path, name) for name in _PATH_FIELDS},
        )
        for path in found
    ]
    with transaction.atomic():
        # Two at once take turns, or one would meet the rows of the other.
        Team.objects.select_for_update(no_key=True).get(id=team.id)
        LearningPath.objects.filter(team=team).delete()
        LearningPath.objects.bulk_create(rows)
        invalidation.bump(team.id)


def keep_trends(team: Team, *, now: datetime) -> None:
    """Keep a team's figures of the last weeks; those kept before are brought up to date."""
    with telemetry.timed("trend_analysis_duration_seconds"):
        found = weeks.of_team(team, now=now)
    rows = [
        InsightsTrend(
            team=team,
            metric=metric,
            week=point.week.starts_on,
            value=point.value,
            is_complete=point.is_complete,
            computed_at=now,
        )
        for metric, trend in found.by_metric.items()
        for point in trend.points
    ]
    InsightsTrend.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["team", "metric", "week"], update_fields=_TREND_FIELDS
    )


def trends(*, now: datetime) -> dict[str, Any]:
    """Keep every team's figures of the last weeks; raises SomeFailed after all teams had their turn."""

    def keep(team: Team) -> None:
        if features.is_enabled(Feature.TRENDS, team):
            keep_trends(team, now=now)

    return teams.each(keep, step="trends")


def anti_patterns(*, now: datetime) -> dict[str, Any]:
    """Find every team's recurring types of finding anew; raises SomeFailed after all teams had their turn."""

    def learn(team: Team) -> None:
        if features.is_enabled(Feature.PATTERN_LEARNING, team):
            with transaction.atomic():
                learning.learn_patterns(team, now=now)
                invalidation.bump(team.id)

    return teams.each(learn, step="anti-patterns")


def archive_trends(*, now: datetime) -> dict[str, Any]:
    """Mark the weeks that ended over a year ago as archived."""
    before = (now - ARCHIVED_AFTER).astimezone(UTC).date() - timedelta(days=7)
    old = InsightsTrend.objects.filter(archived_at__isnull=True, week__lte=before)
    return {"archived": old.update(archived_at=now)}


def team_metrics(*, now: datetime) -> dict[str, Any]:
    """Keep every team's figures of the day so far; raises SomeFailed after all teams had their turn."""

    def keep(team: Team) -> None:
        if features.is_enabled(Feature.INSIGHTS, team):
            keep_metrics(team, now=now)

    return teams.each(keep, step="team metrics")


def keep_metrics(team: Team, *, now: datetime) -> None:
    """Keep a team's figures of the UTC day that ``now`` is in, in place of those kept earlier that day.

    In the first hour of a day the one before is brought up to date as well: it has come to its end since.
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if now - midnight < timedelta(hours=1):
        TeamMetric.objects.filter(team=team, day=(midnight - _DAY).date()).update(
            **_traffic(team, midnight - _DAY, midnight)
        )
    found = figures.of_team(team, days=1, now=now)
    TeamMetric.objects.update_or_create(
        team=team,
        day=midnight.date(),
        defaults={
            **_traffic(team, midnight, now),
            "open_findings": found.open_findings.count,
            "open_monthly_savings_nano_usd": found.open_findings.monthly_savings_nano_usd,
            "accepted": found.answers.accepted,
            "rejected": found.answers.rejected,
            "ignored": found.answers.ignored,
            "realized_nano_usd": found.realized.nano_usd,
            "computed_at": now,
        },
    )


def _traffic(team: Team, since: datetime, until: datetime) -> dict[str, int]:
    traffic = figures.traffic(team, since, until)
    return {
        "requests": traffic.requests,
        "cost_nano_usd": traffic.cost_nano_usd,
        "savings_nano_usd": traffic.savings_nano_usd,
    }
