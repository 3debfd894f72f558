"""The figures of the dashboard: one team or all, over one period, from the roll-ups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from accounts import selectors as accounts
from accounts.models import Team
from accounts.selectors import BudgetStatus
from experiments.models import Experiment
from feedback.selectors import summary
from feedback.selectors.summary import FeedbackSummary
from monitoring.selectors import live
from monitoring.selectors.live import LiveSnapshot
from routing.domain import time_ranges
from routing.domain.latency_histogram import Percentiles
from routing.domain.traffic import Dimension, Labels, Traffic
from routing.models import LedgerEntry, PolicyActivation
from routing.selectors import policies, usage
from routing.selectors.usage import LatencyPoint, Point

MAX_EXPERIMENTS = 6
PARTS = (Dimension.MODEL, Dimension.PATTERN, Dimension.STRATEGY, Dimension.BASELINE_MODEL)


@dataclass(frozen=True, slots=True)
class Period:
    """How far back a page looks, and in what steps its charts go."""

    name: str
    title: str
    length: timedelta
    step: timedelta


PERIODS: Mapping[str, Period] = {
    period.name: period
    for period in (
        Period("24h", "24 hours", timedelta(hours=24), timedelta(hours=1)),
        Period("7d", "7 days", timedelta(days=7), timedelta(hours=6)),
        Period("30d", "30 days", timedelta(days=30), timedelta(days=1)),
        Period("90d", "90 days", timedelta(days=90), timedelta(days=3)),
        Period("1y", "12 months", timedelta(days=364), timedelta(days=7)),
    )
}
DEFAULT_PERIOD = "7d"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the page. ``before`` is the traffic of the period before, to compare with."""

    period: Period
    team: Team | None
    totals: Traffic
    before: Traffic
    latency: Percentiles
    series: Sequence[Point]
    latency_series: Sequence[LatencyPoint]
    parts: Mapping[Dimension, Mapping[Labels, Traffic]]
    latency_by_model: Mapping[Labels, Percentiles]
    quality: FeedbackSummary
    budgets: Sequence[BudgetStatus]
    policy: PolicyActivation | None
    experiments: Sequence[Experiment]
    live: LiveSnapshot
    is_empty: bool


def dashboard(team: Team | None, period: Period, *, now: datetime) -> Dashboard:
    """Read the page of a team, or of all teams for None."""
    team_id = None if team is None else team.id
    # On the hour, so that only the present hour is read from the ledger itself.
    since = time_ranges.floor(now - period.length, time_ranges.HOUR)
    window = usage.window(team_id=team_id, since=since, until=now)
    before = usage.window(team_id=team_id, since=since - period.length, until=since)
    parts = usage.breakdowns(window, Dimension.TOTAL, *PARTS)
    totals = parts[Dimension.TOTAL].get((), Traffic())
    latency, latency_series = usage.latency_with_series(window, step=period.step)
    return Dashboard(
        period=period,
        team=team,
        totals=totals,
        before=usage.totals(before),
        latency=latency,
        series=usage.series(window, step=period.step),
        latency_series=latency_series,
        parts=parts,
        latency_by_model=usage.latency_by(window, Dimension.MODEL),
        quality=summary.summary(team, since=since, until=now),
        budgets=accounts.budget_statuses(team, now.date()),
        policy=_policy(team),
        experiments=_experiments(team),
        live=live.snapshot(team_id, now=now),
        is_empty=totals.requests == 0 and not has_requests(team_id),
    )


def _policy(team: Team | None) -> PolicyActivation | None:
    """Return the newest change of what routes for the team; None where nothing but complexity ever has."""
    return policies.history(None if team is None else policies.scope_of(team)).first()


def _experiments(team: Team | None) -> list[Experiment]:
    rows = Experiment.objects.filter(status=Experiment.Status.RUNNING).select_related("team")
    if team is not None:
        rows = rows.filter(Q(team=team) | Q(team=None))
    return list(rows[:MAX_EXPERIMENTS])


def has_requests(team_id: int | None) -> bool:
    """Say whether a team, or any for None, has ever sent a request."""
    rows = LedgerEntry.objects.all() if team_id is None else LedgerEntry.objects.filter(team_id=team_id)
    return rows.exists()
