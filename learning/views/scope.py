"""What the views of learning read from a request: its query, whose policy is meant, and who asks."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404
from rest_framework.request import Request

from accounts.models import ApiKey, Team
from accounts.permissions import request_team
from accounts.serializers import StrictSerializer
from routing.selectors import policies


def query(request: Request, serializer: type[StrictSerializer[Any]]) -> dict[str, Any]:
    """Return the validated parameters of the query."""
    found = serializer(data=request.query_params)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


def scope(request: Request, asked: Mapping[str, Any]) -> Team | None:
    """Return whose policy is meant: None for the one that teams share."""
    own, slug = request_team(request), asked.get("team")
    if own is not None and slug in (None, own.slug):
        return policies.scope_of(own)
    if own is None and slug is None:
        return None
    team = Team.objects.filter(slug=slug).first() if own is None else None
    if team is None:
        raise Http404(f"There is no team {slug!r}.")
    return policies.scope_of(team)


def actor(request: Request) -> str:
    """Return who asks, as records name it: a key by its visible prefix, staff by their name."""
    if isinstance(request.auth, ApiKey):
        return f"key {request.auth.prefix}"
    return request.user.get_username() or "anonymous"
