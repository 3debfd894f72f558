"""Which team the views of insights are asked about."""

from rest_framework import serializers
from rest_framework.request import Request

from accounts.models import Team
from accounts.permissions import team_meant


def one_team(request: Request, slug: str | None) -> Team:
    """Return the team that is meant: a key's own, or the one that staff name, for insights are of one team each."""
    team = team_meant(request, slug)
    if team is None:
        raise serializers.ValidationError({"team": ["Name the team whose insights you want: ?team=<slug>."]})
    return team
