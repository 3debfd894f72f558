"""How much the metrics of a team varied in its past traffic, from which the size of an experiment follows."""

from datetime import datetime, timedelta

from accounts.models import Team
from experiments.domain import power
from experiments.domain.power import Spread
from experiments.domain.units import UnitSums
from experiments.selectors.outcomes import REFUSED_BY_BUDGET
from feedback.models import ResponseFeedback
from routing.models import LedgerEntry

WINDOW = timedelta(days=14)
MOST_REQUESTS = 20_000
LEAST_REQUESTS, LEAST_UNITS = 200, 50
_NANO_USD_PER_USD = 1e9


def spreads(team: Team | None, *, unit: str, now: datetime) -> dict[str, Spread]:
    """Return what was seen in the newest requests of two weeks, by metric; nothing where they are too few to say.

    ``team`` of None means all teams. At most ``MOST_REQUESTS`` are read.
    """
    entries = LedgerEntry.objects.filter(created_at__gte=now - WINDOW, is_cache_hit=False)
    entries = entries.exclude(state=LedgerEntry.State.PENDING).exclude(http_status=REFUSED_BY_BUDGET)
    if team is not None:
        entries = entries.filter(team=team)
    newest = entries.order_by("-created_at").values_list(
        "request_id",
        "team_id",
        "user_id",
        "session_id",
        "cost_nano_usd",
        "reference_cost_nano_usd",
        "latency_ms",
        "state",
    )[:MOST_REQUESTS]
    stars = _stars(team, now)
    sums = UnitSums()
    count = 0
    for request_id, team_id, user_id, session_id, cost, reference, latency_ms, state in newest:
        name = {"user": user_id, "session": session_id, "request": request_id.hex}[unit]
        if not name:
            continue
        count += 1
        sums.add(
            f"{team_id} {name}",
            cost_usd=None if cost is None else cost / _NANO_USD_PER_USD,
            reference_cost_usd=None if reference is None else reference / _NANO_USD_PER_USD,
            latency_ms=latency_ms,
            is_error=state != LedgerEntry.State.SETTLED,
            quality=stars.get(request_id),
        )
    arm = sums.arm()
    is_enough = count >= LEAST_REQUESTS and arm.units >= LEAST_UNITS
    return power.observed_spreads(arm) if is_enough else {}


def _stars(team: Team | None, now: datetime) -> dict[object, int]:
    ratings = ResponseFeedback.objects.filter(created_at__gte=now - WINDOW, linked=True)
    if team is not None:
        ratings = ratings.filter(team=team)
    newest = ratings.order_by("-created_at").values_list("ledger_request_id", "quality_score")[:MOST_REQUESTS]
    # The newest of a request comes last, and stays.
    return dict(reversed(list(newest)))
