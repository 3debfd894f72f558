"""A team's figures at a glance: its traffic, its findings, what it answered, and what that has saved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import Team
from feedback.selectors import summary
from insights.domain import acceptance
from insights.domain.acceptance import Rate
from insights.models import AppliedAction, Finding, Review, TeamMetric
from insights.selectors import answered, learned
from routing.domain.traffic import Traffic
from routing.selectors import usage

HISTORY_DAYS = 30


@dataclass(frozen=True, slots=True)
class OpenFindings:
    """The team's open findings; savings are nano-dollars a month, at most, as findings may share traffic."""

    count: int
    monthly_savings_nano_usd: int
    by_category: Mapping[str, int]
    by_severity: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Realized:
    """What actions in force have saved, in nano-dollars; those not measured yet count as nothing."""

    actions: int
    unmeasured: int
    nano_usd: int


@dataclass(frozen=True, slots=True)
class TeamMetrics:
    """The figures of ``days`` up to ``computed_at``, and of all findings and answers until then."""

    days: int
    traffic: Traffic
    mean_stars: float | None
    ratings: int
    open_findings: OpenFindings
    answers: Rate
    realized: Realized
    threshold: float
    last_review: Review | None
    history: tuple[TeamMetric, ...]
    computed_at: datetime


def of_team(team: Team, *, days: int, now: datetime) -> TeamMetrics:
    """Return the figures of a team; traffic is of the ``days`` times 24 hours up to now, from roll-ups."""
    since = now - timedelta(days=days)
    ratings = summary.summary(team, since=since, until=now)
    return TeamMetrics(
        days=days,
        traffic=traffic(team, since, now),
        mean_stars=ratings.avg_quality_score if ratings.total_feedback else None,
        ratings=ratings.total_feedback,
        open_findings=open_findings(team),
        answers=acceptance.learn(answered.newest(team, until=now)).overall,
        realized=realized(team),
        threshold=learned.threshold(team),
        last_review=Review.objects.filter(team=team, state=Review.State.SUCCEEDED).order_by("-id").first(),
        history=tuple(history(team, now)),
        computed_at=now,
    )


def traffic(team: Team, since: datetime, until: datetime) -> Traffic:
    """Return everything the team asked for in a period, UTC."""
    return usage.totals(usage.window(team_id=team.id, since=since, until=until))


def open_findings(team: Team) -> OpenFindings:
    """Count the team's open findings, in one query."""
    groups = (
        Finding.objects.filter(team=team, status=Finding.Status.OPEN)
        .order_by()
        .values_list("category", "severity")
        .annotate(count=Count("id"), savings=Sum("estimated_monthly_savings_nano_usd", default=0))
    )
    by_category: dict[str, int] = {}
    by_severity: dict[str, int] = {}
    savings = 0
    for category, severity, count, amount in groups:
        by_category[category] = by_category.get(category, 0) + count
        by_severity[severity] = by_severity.get(severity, 0) + count
        savings += int(amount)
    return OpenFindings(sum(by_category.values()), savings, by_category, by_severity)


def realized(team: Team) -> Realized:
    """Add up what the team's actions in force have saved so far."""
    found = AppliedAction.objects.filter(team=team, reverted_at__isnull=True).aggregate(
        actions=Count("id"),
        unmeasured=Count("id", filter=Q(realized_nano_usd__isnull=True)),
        saved=Sum("realized_nano_usd", default=0),
    )
    return Realized(found["actions"], found["unmeasured"], int(found["saved"]))


def history(team: Team, now: datetime) -> QuerySet[TeamMetric]:
    """Return the figures of the last days as they were kept, the oldest first."""
    since = (now - timedelta(days=HISTORY_DAYS)).astimezone(UTC).date()
    return TeamMetric.objects.filter(team=team, day__gte=since).order_by("day")
