"""What viewers are shown of the present: today's sums, the last minute's rates, the latest requests, notices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.models import Team
from monitoring.selectors import notices
from monitoring.selectors.notices import Notice
from routing.domain.latency_histogram import Percentiles
from routing.domain.traffic import Traffic
from routing.models import LedgerEntry
from routing.selectors import usage

DECISIONS = 20
RATE_WINDOW = timedelta(seconds=60)
LATENCY_WINDOW = timedelta(minutes=5)
# The latest requests are looked for in ever longer windows, so that neither a busy nor an idle ledger is read far.
_LOOK_BACK = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=30))


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """One scope at one moment; ``team`` is None for all teams.

    ``today`` counts since midnight UTC, ``recent`` over ``RATE_WINDOW``, ``latency`` over ``LATENCY_WINDOW``.
    """

    taken_at: datetime
    team: Team | None
    today: Traffic
    recent: Traffic
    latency: Percentiles
    decisions: Sequence[LedgerEntry]
    notices: Sequence[Notice]


def snapshot(team_id: int | None, *, now: datetime) -> LiveSnapshot:
    """Read everything that a scope's viewers are shown."""
    team = None if team_id is None else Team.objects.get(id=team_id)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return LiveSnapshot(
        taken_at=now,
        team=team,
        today=usage.totals(usage.window(team_id=team_id, since=midnight, until=now)),
        recent=usage.totals(usage.window(team_id=team_id, since=now - RATE_WINDOW, until=now)),
        latency=usage.latency(usage.window(team_id=team_id, since=now - LATENCY_WINDOW, until=now)),
        decisions=latest(team_id, now=now),
        notices=notices.current(team, now=now),
    )


def latest(team_id: int | None, *, now: datetime, count: int = DECISIONS) -> list[LedgerEntry]:
    """Return the newest requests of a month with their teams, newest first."""
    found: list[LedgerEntry] = []
    for back in _LOOK_BACK:
        found = list(_since(team_id, now - back)[:count])
        if len(found) == count:
            break
    return found


def _since(team_id: int | None, since: datetime) -> QuerySet[LedgerEntry]:
    rows = LedgerEntry.objects.filter(created_at__gte=since).select_related("team").order_by("-created_at")
    rows = rows.defer("candidates", "price_snapshot", "baseline_price_snapshot", "budget_period_ids")
    return rows if team_id is None else rows.filter(team_id=team_id)
