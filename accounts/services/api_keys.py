"""API keys: issued once in the clear, stored as a keyed hash, revoked for good."""

import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey, ApiKeyUsage, Team
from accounts.services import config_version, encryption

ADMIN_SCOPE = "admin"
SCOPES = frozenset({ADMIN_SCOPE})
_PURPOSE = "api-key"
_ALPHABET = string.ascii_letters + string.digits


class InvalidApiKeySettings(ValueError):
    """The scopes, rate limit or expiry asked for cannot be given to a key."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its secret, which cannot be read again later."""

    api_key: ApiKey
    secret: str


def issue(
    *,
    team: Team,
    name: str,
    scopes: Iterable[str] = (),
    requests_per_minute: int | None = None,
    expires_at: datetime | None = None,
) -> IssuedKey:
    """Create a key; raises InvalidApiKeySettings.

    Args:
        scopes: Of ``SCOPES``; "admin" opens the control routes.
        requests_per_minute: 1 or more; None for no limit.
        expires_at: Aware; None for never.
    """
    granted = sorted(set(scopes))
    _check(granted, requests_per_minute, expires_at)
    prefix = f"aco_{_random(8)}"
    # 40 letters and digits are 238 bits: as hard to guess as the hash is to invert.
    secret = f"{prefix}_{_random(40)}"
    with transaction.atomic():
        api_key = ApiKey.objects.create(
            team=team,
            name=name,
            prefix=prefix,
            key_hash=hash_secret(secret),
            scopes=granted,
            requests_per_minute=requests_per_minute,
            expires_at=expires_at,
        )
        config_version.bump()
    return IssuedKey(api_key=api_key, secret=secret)


def hash_secret(secret: str) -> str:
    """Return the keyed hash that ``secret`` is stored and found under: 64 hexadecimal digits."""
    return encryption.keyed_hash(secret.encode("utf-8", "surrogatepass"), purpose=_PURPOSE)


def secret_hashes(secret: str) -> tuple[str, ...]:
    """Return every hash that ``secret`` may be stored under: by SECRET_KEY first, then by each of its fallbacks."""
    return encryption.keyed_hashes(secret.encode("utf-8", "surrogatepass"), purpose=_PURPOSE)


def revoke(api_key: ApiKey, now: datetime) -> None:
    """End a key for good; a key that was revoked before keeps its first time."""
    with transaction.atomic():
        ApiKey.objects.filter(id=api_key.id, revoked_at=None).update(revoked_at=now)
        config_version.bump()
    api_key.refresh_from_db(fields=["revoked_at"])


def record_use(uses: Mapping[int, datetime]) -> None:
    """Store when each key, by id, was last used; keys deleted meanwhile are left out."""
    with transaction.atomic():
        existing = ApiKey.objects.select_for_update(no_key=True).filter(id__in=uses).order_by("id")
        rows = [
            ApiKeyUsage(api_key_id=key_id, last_used_at=uses[key_id])
            for key_id in existing.values_list("id", flat=True)
        ]
        ApiKeyUsage.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["api_key"], update_fields=["last_used_at"]
        )


def _check(scopes: list[str], requests_per_minute: int | None, expires_at: datetime | None) -> None:
    unknown = sorted(set(scopes) - SCOPES)
    if unknown:
        raise InvalidApiKeySettings(f"Unknown scopes {', '.join(unknown)}: use {', '.join(sorted(SCOPES))} or none.")
    if requests_per_minute is not None and requests_per_minute < 1:
        raise InvalidApiKeySettings("requests_per_minute must be 1 or more; leave it out for no limit.")
    if expires_at is not None and timezone.is_naive(expires_at):
        raise InvalidApiKeySettings("expires_at has no time zone: give one, such as 2030-01-01T00:00:00Z.")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
