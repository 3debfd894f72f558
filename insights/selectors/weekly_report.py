"""One ISO week of a team on one page: what was spent and saved, what was found, answered, done, and what comes next."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db.models import Count, Q

from accounts.models import Team
from accounts.services import features
from accounts.services.features import Feature
from feedback.selectors import summary
from insights.domain import trends
from insights.domain.learning_paths import LearningPath
from insights.domain.trends import Week
from insights.models import AppliedAction, Finding, PatternMetric, SuggestionFeedback
from insights.selectors import learned, paths, suggestions, team_metrics
from insights.selectors.suggestions import Suggestion
from insights.selectors.team_metrics import OpenFindings, Realized
from routing.domain.traffic import Dimension, Labels, Traffic
from routing.selectors import usage

_WEEK = timedelta(days=7)
_MODELS_SHOWN = 5
_SUGGESTIONS_SHOWN = 5
_PATHS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Happened:
    """What came of findings in the week."""

    raised: int
    resolved: int
    accepted: int
    rejected: int
    ignored: int
    actions_applied: int
    actions_reverted: int


@dataclass(frozen=True, slots=True)
class Part:
    """The traffic of one provider's model."""

    provider: str
    model: str
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class WeeklyReport:
    """A team's week, held against the one before; what is open and comes next is as of ``computed_at``."""

    team: str
    week: Week
    is_complete: bool
    traffic: Traffic
    traffic_before: Traffic
    ratings: int
    mean_stars: float | None
    models: tuple[Part, ...]
    happened: Happened
    open_findings: OpenFindings
    realized: Realized
    suggestions: tuple[Suggestion, ...]
    paths: tuple[LearningPath, ...]
    anti_patterns: tuple[str, ...]
    computed_at: datetime


def last_complete_week(now: datetime) -> Week:
    """Return the ISO week before the present one."""
    return trends.week_of((now - _WEEK).astimezone(UTC).date())


def of_team(team: Team, week: Week, *, now: datetime) -> WeeklyReport:
    """Return the report of a week; of one that is not over, as far as it has come."""
    since = datetime.combine(week.starts_on, time(), UTC)
    until = since + _WEEK
    in_week = usage.window(team_id=team.id, since=since, until=until)
    week_before = usage.window(team_id=team.id, since=since - _WEEK, until=since)
    ratings = summary.summary(team, since=since, until=until)
    return WeeklyReport(
        team=team.slug,
        week=week,
        is_complete=now >= until,
        traffic=usage.totals(in_week),
        traffic_before=usage.totals(week_before),
        ratings=ratings.total_feedback,
        mean_stars=ratings.avg_quality_score if ratings.total_feedback else None,
        models=_models(usage.breakdown(in_week, Dimension.MODEL)),
        happened=_happened(team, since, until),
        open_findings=team_metrics.open_findings(team),
        realized=team_metrics.realized(team),
        suggestions=_suggestions(team, now),
        paths=_paths(team, now),
        anti_patterns=_anti_patterns(team),
        computed_at=now,
    )


def _suggestions(team: Team, now: datetime) -> tuple[Suggestion, ...]:
    if not features.is_enabled(Feature.RANKING, team):
        return ()
    return suggestions.ranked(team, now=now, limit=_SUGGESTIONS_SHOWN).suggestions


def _paths(team: Team, now: datetime) -> tuple[LearningPath, ...]:
    return paths.build(team, now=now)[:_PATHS_SHOWN] if features.is_enabled(Feature.LEARNING_PATHS, team) else ()


def _anti_patterns(team: Team) -> tuple[str, ...]:
    rows = learned.pattern_rows(team).filter(kind=PatternMetric.Kind.ANTI_PATTERN)
    return tuple(rows.values_list("finding_type", flat=True))


def _models(found: dict[Labels, Traffic]) -> tuple[Part, ...]:
    """Return the models that cost most."""
    dearest = sorted(found.items(), key=lambda item: (-item[1].cost_nano_usd, str(item[0])))
    named = [Part(str(labels[0]), str(labels[1]), traffic) for labels, traffic in dearest if labels[1] is not None]
    return tuple(named[:_MODELS_SHOWN])


def _happened(team: Team, since: datetime, until: datetime) -> Happened:
    findings = Finding.objects.filter(team=team)
    actions = AppliedAction.objects.filter(team=team)
    answers = SuggestionFeedback.objects.filter(team=team, created_at__gte=since, created_at__lt=until)
    counted = answers.aggregate(
        **{verdict: Count("id", filter=Q(verdict=verdict)) for verdict in ("accepted", "rejected", "ignored")}
    )
    return Happened(
        raised=findings.filter(created_at__gte=since, created_at__lt=until).count(),
        resolved=findings.filter(status=Finding.Status.RESOLVED, closed_at__gte=since, closed_at__lt=until).count(),
        actions_applied=actions.filter(applied_at__gte=since, applied_at__lt=until).count(),
        actions_reverted=actions.filter(reverted_at__gte=since, reverted_at__lt=until).count(),
        **counted,
    )
