"""Who calls: the key in the request against those in memory, and its rate limit."""

from collections.abc import Mapping

from django.conf import settings

from accounts.selectors import KeyInfo
from accounts.services import api_keys, key_guesses
from routing.services import database_clock
from routing.services.runtime import Runtime
from routing.services.snapshot import Snapshot


class Unauthenticated(Exception):
    """No key, or one that is unknown, expired or revoked."""


class RateLimited(Exception):
    """The key's requests of this minute are used up."""

    def __init__(self, limit: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"This key may make {limit} requests a minute. Try again in {retry_after_seconds} s, or have staff raise "
            "its limit."
        )
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


def authenticate(headers: Mapping[str, str], snapshot: Snapshot, address: str) -> KeyInfo:
    """Return the caller's key. An API opened for local trials lets a caller without one in as the oldest.

    Args:
        headers: By lower-case name.
        snapshot: Has the keys that are usable.
        address: Who connected, to be counted by when the key is wrong.

    Raises:
        Unauthenticated: There is no key, or it is none of those.
        TooManyWrongKeys: The same, and the address has come with too many such keys.
    """
    secret = headers.get("x-api-key", "")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if token and scheme.lower() == "bearer":
        secret = token.strip()
    if not secret and settings.OPTIMIZER_OPEN_API and snapshot.keys:
        return min(snapshot.keys.values(), key=lambda key: key.id)
    if not secret:
        raise Unauthenticated("Send your API key as 'Authorization: Bearer <key>'.")
    key = snapshot.keys.get(api_keys.hash_secret(secret)) or _by_former_secret(secret, snapshot)
    if key is None:
        key_guesses.note(address)
        raise Unauthenticated("This API key is not valid: it is unknown, expired or revoked.")
    if key.expires_at is not None and key.expires_at <= database_clock.now():
        key_guesses.note(address)
        raise Unauthenticated("This API key has expired.")
    return key


async def admit(key: KeyInfo, runtime: Runtime) -> None:
    """Count the request against the key's rate limit; raises RateLimited."""
    runtime.note_key_use(key.id)
    if key.requests_per_minute is None:
        return
    decision = await runtime.rate_limiter.admit(key.id, key.requests_per_minute)
    if not decision.allowed:
        raise RateLimited(key.requests_per_minute, decision.retry_after_seconds)


def _by_former_secret(secret: str, snapshot: Snapshot) -> KeyInfo | None:
    """Find a key stored under a SECRET_KEY that has been rotated out."""
    for key_hash in api_keys.secret_hashes(secret)[1:]:
        if (key := snapshot.keys.get(key_hash)) is not None:
            return key
    return None
