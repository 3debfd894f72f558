"""Which teams a rollout reaches: an order that never changes, and how far along it a phase goes.

Each team has a place in [0, 1) that follows from its name alone, and a phase reaches every place below a bound. A later
phase has a higher bound, so the phases nest; and as the bound is fixed when a phase begins, no team that comes or goes
later moves another one in or out.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

FIRST_PHASE, LAST_PHASE = 1, 4
# Phase 0 is where a rollout goes that was rolled back altogether: it reaches nobody.
SHARES: Mapping[int, float] = MappingProxyType({0: 0.0, 1: 0.10, 2: 0.25, 3: 0.50, 4: 1.0})
# What only people can say before a phase ends.
CONFIRMATIONS: Mapping[str, str] = MappingProxyType(
    {
        "team_trained": "The teams of this phase know what changes for them and whom to ask.",
        "no_corruption": "Nobody has reported wrong or missing data.",
        "satisfaction": "The teams of this phase are content with what they see.",
    }
)
_PLACES = 2**48


@lru_cache(maxsize=65_536)
def place(team_slug: str) -> float:
    """Return the team's place in the order, in [0, 1)."""
    digest = hashlib.sha256(f"rollout:{team_slug}".encode()).digest()
    return int.from_bytes(digest[:6]) / _PLACES


def reaches(reach: float, team_slug: str) -> bool:
    """Return whether a phase with this bound reaches the team."""
    return place(team_slug) < reach


def reach(phase: int, team_slugs: Iterable[str], *, least: float = 0.0) -> float:
    """Return the bound, in [0, 1], below which the phase's share of these teams lies, rounded up to whole teams.

    Args:
        phase: 0 to 4, as in ``SHARES``.
        team_slugs: The teams there are.
        least: The bound of the phase before, which this one holds in any case.
    """
    if SHARES[phase] in (0.0, 1.0):
        return SHARES[phase]
    places = sorted(map(place, team_slugs))
    wanted = math.ceil(SHARES[phase] * len(places))
    # Before there are any teams, the share of the places is the best guess at theirs.
    return max(least, places[wanted - 1] + 1 / _PLACES if wanted else SHARES[phase])


def is_in_phase(team_slug: str, phase: int, team_slugs: Iterable[str]) -> bool:
    """Return whether the phase would reach the team if it began now, with these teams."""
    return reaches(reach(phase, team_slugs), team_slug)
