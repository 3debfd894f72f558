"""Who among staff may watch the product's figures."""

from typing import Any

from accounts import permissions


def may_watch(user: Any) -> bool:
    """Whether a user is staff with a role: without one, being staff opens nothing."""
    return bool(user.is_active and getattr(user, "is_staff", False) and user.has_perm(permissions.SEES))
