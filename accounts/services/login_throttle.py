"""Bounds how often somebody may try to log in with a password.

Attempts are kept in the database by django-axes, beside the users themselves: where it is away nobody can log in
anyway, and neither Redis nor a restart makes a difference. Whoever fails too often waits, by name and address, so that
a stranger cannot keep a member of staff out; and by address alone for those who try many names.
"""

import ipaddress
from datetime import datetime
from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest

# An address may fail so many times as often as one name from it: people of one office share theirs.
NAMES_PER_ADDRESS = 10


class ThrottledBackend(AxesStandaloneBackend):
    """Refuses who has failed too often; commands, which come without a request, are not asked."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        if request is not None:
            super().authenticate(request, **credentials)


class ThrottledAttempts(AxesDatabaseHandler):
    """Counts by name and address, and by address alone at a tenth."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        by_name = int(super().get_failures(request, credentials))
        since = request.axes_attempt_time - settings.AXES_COOLOFF_TIME
        from_address = AccessAttempt.objects.filter(ip_address=request.axes_ip_address, attempt_time__gte=since)
        by_address = from_address.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
        return max(by_name, by_address // NAMES_PER_ADDRESS)


def address_of(request: HttpRequest) -> str | None:
    """Return who connected, as the server says it; what a caller claims in headers is believed by the server only."""
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def forget(username: str) -> int:
    """Let a user try again at once; returns how many records of failures there were."""
    return int(AccessAttempt.objects.filter(username=username).delete()[0])


def forget_expired(*, now: datetime) -> int:
    """Delete failures that count no more; returns how many records there were."""
    return int(_expired(now).delete()[0])


def count_expired(*, now: datetime) -> int:
    """Count the records that ``forget_expired`` would delete."""
    return int(_expired(now).count())


def _expired(now: datetime) -> Any:
    return AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME)
