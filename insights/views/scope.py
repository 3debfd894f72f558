"""What the views of insights read from a request: its query or body, and which team is meant."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from accounts.models import Team
from accounts.permissions import team_meant


def query(request: Request, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the validated parameters of the query."""
    found = serializer(data=request.query_params)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


def body(request: Request, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """Return the validated body."""
    found = serializer(data=request.data)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


def one_team(request: Request, slug: str | None) -> Team:
    """Return the team that is meant: a key's own, or the one that staff name, for insights are of one team each."""
    team = team_meant(request, slug)
    if team is None:
        raise serializers.ValidationError({"team": ["Name the team whose insights you want: ?team=<slug>."]})
    return team
