"""How a team's figures went over the last ISO weeks, from roll-ups of whole days."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import dropwhile

from accounts.models import Team
from insights.domain import trends
from insights.domain.trends import WEEKS_BACK, DayFigure, Trend
from insights.models import InsightsTrend
from insights.selectors import stars
from routing.domain.traffic import Traffic
from routing.selectors import usage
from routing.selectors.usage import Point

Metric = InsightsTrend.Metric
MOST_WEEKS = 52
_DAY = timedelta(days=1)
# Part and whole of each figure; a sum has no whole.
_FIGURES: Mapping[Metric, tuple[Callable[[Traffic], int], Callable[[Traffic], int] | None]] = {
    Metric.REQUESTS: (lambda t: t.requests, None),
    Metric.COST: (lambda t: t.cost_nano_usd, None),
    Metric.COST_PER_REQUEST: (lambda t: t.cost_nano_usd, lambda t: t.requests - t.simulated_requests),
    Metric.SAVINGS_RATE: (lambda t: t.savings_nano_usd, lambda t: t.baseline_cost_nano_usd),
    Metric.SUCCESS_RATE: (lambda t: t.succeeded, lambda t: t.succeeded + t.failed),
    Metric.CACHE_HIT_RATE: (lambda t: t.cache_hits, lambda t: t.requests),
    Metric.LATENCY: (lambda t: t.latency_ms, lambda t: t.timed_requests),
}


@dataclass(frozen=True, slots=True)
class Trends:
    """Trends by figure, of the weeks up to the one that ``last_day`` is in."""

    last_day: date
    by_metric: Mapping[Metric, Trend]


def of_team(team: Team, *, now: datetime, weeks: int = WEEKS_BACK) -> Trends:
    """Return the trends of ``weeks`` ISO weeks (1 to 52), the present one last and marked as incomplete.

    Weeks before the team's first request have no value, rather than a zero that the first request would rise from.
    """
    last_day = now.astimezone(UTC).date()
    since = datetime.combine(trends.weeks_until(last_day, weeks)[0].starts_on, time(), UTC)
    points = usage.series(usage.window(team_id=team.id, since=since, until=now), step=_DAY)
    begun = list(dropwhile(lambda point: not point.traffic.requests, points))
    found = {metric: trends.trend(_days(begun, metric), last_day, weeks) for metric in _FIGURES}
    found[Metric.STARS] = trends.trend(stars.by_day(team, since, now), last_day, weeks)
    return Trends(last_day, found)


def _days(points: list[Point], metric: Metric) -> list[DayFigure]:
    part, whole = _FIGURES[metric]
    return [
        DayFigure(point.starts_at.date(), part(point.traffic), None if whole is None else whole(point.traffic))
        for point in points
    ]
