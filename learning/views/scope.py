"""Whose policy the views of learning are asked about."""

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request

from accounts.models import Team
from accounts.permissions import team_meant
from routing.selectors import policies


def scope(request: Request, asked: Mapping[str, Any]) -> Team | None:
    """Return whose policy is meant: None for the one that teams share."""
    team = team_meant(request, asked.get("team"))
    return None if team is None else policies.scope_of(team)
