"""Which policies there are. A ``team`` of None means the policy that teams share."""

from django.db.models import Q, QuerySet

from accounts.models import Team
from routing.models import PolicyActivation, PolicyVersion


def active(team: Team | None) -> PolicyVersion | None:
    """Return the policy that routes now."""
    return PolicyVersion.objects.filter(team=team, state=PolicyVersion.State.ACTIVE).first()


def history(team: Team | None) -> QuerySet[PolicyActivation]:
    """Return what has routed, newest first, each with its policy and what it replaced."""
    return PolicyActivation.objects.filter(team=team).select_related("policy", "replaced")


def versions(team: Team | None) -> QuerySet[PolicyVersion]:
    """Return all versions, newest first."""
    return PolicyVersion.objects.filter(team=team)


def scope_of(team: Team) -> Team | None:
    """Return the team whose policies route for ``team``: its own where it learns alone, else the shared ones."""
    return team if team.learns_alone else None


def visible_to(team: Team) -> QuerySet[PolicyVersion]:
    """Return the versions that a team may look at: its own and the shared ones."""
    return PolicyVersion.objects.filter(Q(team=team) | Q(team=None))
