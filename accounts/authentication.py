"""Proves an API key. A store that cannot be asked is an error of ours and never looks like a bad key."""

import logging
from datetime import datetime, timedelta

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import selectors
from accounts.models import ApiKey, Team
from accounts.services import api_keys, key_guesses

logger = logging.getLogger(__name__)

USE_RECORDED_EVERY = timedelta(minutes=1)


class KeyUser:
    """Stands for the team behind a key where Django expects a user."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False
    is_superuser = False
    pk = None

    def __init__(self, team: Team) -> None:
        self.team = team

    def __str__(self) -> str:
        return f"team {self.team.slug}"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>` or `X-API-Key: <key>`."""

    def authenticate(self, request: Request) -> tuple[KeyUser, ApiKey] | None:
        secret = _secret(request)
        if secret is None:
            return None
        now = timezone.now()
        hashes = api_keys.secret_hashes(secret)
        address = request.META.get("REMOTE_ADDR", "")
        key_guesses.check(address, hashes, now)
        api_key = selectors.usable_keys(now).select_related("usage").filter(key_hash__in=hashes).first()
        if api_key is None:
            key_guesses.note(address)
            raise AuthenticationFailed("The API key is unknown, expired or revoked: ask for a new one.")
        _note_use(api_key, now)
        return KeyUser(api_key.team), api_key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def _secret(request: Request) -> str | None:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    header: str | None = request.headers.get("X-API-Key")
    return header


def _note_use(api_key: ApiKey, now: datetime) -> None:
    try:
        last_used_at = api_key.usage.last_used_at
    except ObjectDoesNotExist:
        last_used_at = None
    if last_used_at is not None and now - last_used_at < USE_RECORDED_EVERY:
        return
    try:
        api_keys.record_use({api_key.id: now})
    except DatabaseError:
        # Reading must go on where nothing can be written, as on a full disk.
        logger.warning("The use of an API key could not be recorded.", exc_info=True)
