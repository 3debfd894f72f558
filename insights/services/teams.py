"""Scheduled work on every team: one team's failure stops no other's."""

from collections.abc import Callable
from typing import Any

from accounts.models import Team
from jobs.services import runs


def each(work: Callable[[Team], Any], *, step: str) -> dict[str, Any]:
    """Do something for every active team; see ``jobs.services.runs.for_each_team`` for retries.

    Returns:
        For how many teams it was done.

    Raises:
        SomeFailed: Of ``jobs``, after all teams had their turn.
    """
    return {"teams": len(runs.for_each_team(Team.objects.filter(is_active=True).order_by("id"), work, step=step))}
