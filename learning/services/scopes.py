"""The scopes that learn, each with a policy of its own: the one that teams share, and every team that learns alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from accounts.models import Team
from jobs.services import runs

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Scope:
    """One scope as a part of a job; ``team`` is None for the shared one."""

    team: Team | None

    @property
    def pk(self) -> int:
        # No team has this key.
        return 0 if self.team is None else self.team.pk

    @property
    def name(self) -> str:
        # No slug has a blank, so it is no team's name.
        return "all teams" if self.team is None else self.team.slug


def for_each(work: Callable[[Team | None], R | None], *, step: str) -> list[R]:
    """Do something for the shared scope, then for each team that learns alone; one that fails stops no other.

    See ``jobs.services.runs.for_each`` for retries.

    Returns:
        What came of each, without those of which nothing came.

    Raises:
        SomeFailed: Of ``jobs``, after all had their turn.
    """
    teams = Team.objects.filter(learns_alone=True, is_active=True).order_by("slug")
    scopes = [_Scope(None), *map(_Scope, teams)]
    found = runs.for_each(scopes, lambda scope: work(scope.team), step=step, name=lambda scope: scope.name)
    return [result for result in found.values() if result is not None]


def name(team: Team | None) -> str:
    """Return what a scope is called in messages."""
    return _Scope(team).name
