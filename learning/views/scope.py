"""What the views of learning read from a request: its query, and whose policy is meant."""

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request

from accounts.models import Team
from accounts.permissions import team_meant
from accounts.serializers import StrictSerializer
from routing.selectors import policies


def query(request: Request, serializer: type[StrictSerializer[Any]]) -> dict[str, Any]:
    """Return the validated parameters of the query."""
    found = serializer(data=request.query_params)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


def scope(request: Request, asked: Mapping[str, Any]) -> Team | None:
    """Return whose policy is meant: None for the one that teams share."""
    team = team_meant(request, asked.get("team"))
    return None if team is None else policies.scope_of(team)
