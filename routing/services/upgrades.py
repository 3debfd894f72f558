"""Holds the share of a team's routed requests that go to a dearer model than usual under a limit.

Counted in this process, without a query: each process holds the limit on its own share of the requests, which holds it
on all of them. See docs/adr/0022 for what counts and why.
"""

import time
from dataclasses import dataclass

from django.conf import settings

from accounts.selectors import TeamInfo
from routing.domain import team_rules, upgrades
from routing.domain.decision import RoutingDecision
from routing.domain.situation import Situation
from routing.services.wish import Wish

# A request counts half after this time, a quarter after twice as much.
HALF_LIFE_SECONDS = 1800.0
# Teams that are counted at once; beyond, the one that was counted first begins anew.
MOST_TEAMS = 10_000
EVERYTHING_PERCENT = 100


@dataclass(slots=True)
class Recent:
    """What a team has asked of late, older requests counting less; ``at`` is of the monotonic clock."""

    requests: float
    upgrades: float
    at: float

    def age(self, now: float) -> None:
        """Let what was counted before count less."""
        kept = 0.5 ** ((now - self.at) / HALF_LIFE_SECONDS)
        self.requests *= kept
        self.upgrades *= kept
        self.at = now


_recent: dict[int, Recent] = {}


def held(decision: RoutingDecision, situation: Situation, wish: Wish, *, now: float | None = None) -> RoutingDecision:
    """Return the decision, or the best within the usual cost where the team is over its limit.

    Args:
        situation: What was decided from.
        now: Of the monotonic clock; read where it is not given.
    """
    team = wish.team
    # Without an id it is a preview. What a rule of the team decides is the team's own will.
    if team is None or wish.request_id is None or decision.strategy == team_rules.STRATEGY:
        return decision
    percent = limit_percent(team)
    if percent >= EVERYTHING_PERCENT:
        return decision
    recent = _counted(team.id, time.monotonic() if now is None else now)
    considered = decision.considered
    if decision.chosen.model.id == considered[0].model.id:
        return decision
    ordinary = upgrades.usual(situation, considered)
    if not upgrades.is_upgrade(decision, ordinary):
        return decision
    if recent.requests >= settings.UPGRADE_LIMIT_AFTER and (recent.upgrades + 1) * 100 > percent * recent.requests:
        why = f"upgrades are capped at {percent} % of the team's requests"
        return upgrades.held(decision, situation, ordinary, why)
    recent.upgrades += 1
    return decision


def limit_percent(team: TeamInfo) -> int:
    """Return the share of the team's routed requests that may be upgrades, in percent; 100 is no limit."""
    own = team.upgrade_limit_percent
    return settings.UPGRADE_LIMIT_PERCENT if own is None else own


def reset() -> None:
    """Forget what was counted."""
    _recent.clear()


def _counted(team_id: int, now: float) -> Recent:
    """Count a request, and return what its team has asked of late."""
    recent = _recent.get(team_id)
    if recent is None:
        if len(_recent) >= MOST_TEAMS:
            _recent.pop(next(iter(_recent)), None)
        recent = _recent[team_id] = Recent(0.0, 0.0, now)
    else:
        recent.age(now)
    recent.requests += 1
    return recent
