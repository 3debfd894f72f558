"""Who may call: a team by its key, or staff by their session."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    # At run time REST framework's views import this module to learn their default permissions.
    from rest_framework.views import APIView

from accounts.models import ApiKey, Team
from accounts.services.api_keys import ADMIN_SCOPE

# What every role of staff has, and what an operator has beyond a viewer.
SEES = "routing.view_ledgerentry"
OPERATES = "routing.change_policyversion"


class IsTeamOrStaff(BasePermission):
    """Keys do what is their team's; staff look with any role, and change something as operators."""

    message = "Send an API key as `Authorization: Bearer …`, or log in as staff with the role for it."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.auth, ApiKey) or _is_staff_for(request) or settings.OPTIMIZER_OPEN_API


class IsAdminScopeOrStaff(BasePermission):
    """Staff look with any role, and change something as operators."""

    message = 'This needs an API key with the scope "admin", or a session of staff with the role for it.'

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if isinstance(request.auth, ApiKey):
            return ADMIN_SCOPE in request.auth.scopes
        return _is_staff_for(request) or settings.OPTIMIZER_OPEN_API


def request_team(request: Request) -> Team | None:
    """Return the only team whose rows the request may see; None for staff, who see all."""
    return request.auth.team if isinstance(request.auth, ApiKey) else None


def team_meant(request: Request, slug: str | None) -> Team | None:
    """Return whose rows are meant: a key's own team; for staff the one they name, or None for all.

    Raises:
        Http404: There is no such team, or it is not the key's.
    """
    own = request_team(request)
    if own is not None and slug in (None, own.slug):
        return own
    if own is None and slug is None:
        return None
    team = Team.objects.filter(slug=slug).first() if own is None else None
    if team is None:
        raise Http404(f"There is no team {slug!r}.")
    return team


def request_actor(request: Request) -> str:
    """Return who asks, as records name it: a key by its visible prefix, staff by their name."""
    if isinstance(request.auth, ApiKey):
        return f"key {request.auth.prefix}"
    return request.user.get_username() or "anonymous"


def _is_staff_for(request: Request) -> bool:
    """Say whether a member of staff asks whose role allows the method."""
    permission = SEES if request.method in SAFE_METHODS else OPERATES
    user = request.user
    return bool(user and user.is_authenticated and user.is_staff and user.has_perm(permission))
