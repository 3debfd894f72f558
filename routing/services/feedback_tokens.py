"""Signed tokens that let whoever holds one rate one request, and nothing else: for browsers, which have no API key.

A token is 60 characters: version, team, request and expiry, and a keyed BLAKE2b over them, in base64url. It is made
without asking any store, and it is not secret from the person whose answer it belongs to.
"""

import base64
import hmac
import re
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from accounts.services import encryption

HEADER = "x-optimizer-feedback-token"
_PURPOSE = "feedback-token"
_VERSION = 1
_CONTENT = struct.Struct(">BQ16sI")
_SIGNATURE_BYTES = 16
_SHAPE = re.compile(r"[A-Za-z0-9_-]{60}")
_SECONDS_A_DAY = 86_400


class InvalidFeedbackToken(Exception):
    """The token was not made here, was changed, or has expired."""


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token proves: its holder may rate this request of this team until ``expires_at``."""

    team_id: int
    request_id: uuid.UUID
    expires_at: datetime


def issue(request_id: uuid.UUID, team_id: int, now: datetime) -> str:
    """Return a token for the request, good for ``FEEDBACK_TOKEN_DAYS``."""
    expires_at = int(now.timestamp()) + settings.FEEDBACK_TOKEN_DAYS * _SECONDS_A_DAY
    content = _CONTENT.pack(_VERSION, team_id, request_id.bytes, expires_at)
    signature = bytes.fromhex(encryption.keyed_hash(content, purpose=_PURPOSE))[:_SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(content + signature).decode("ascii")


def read(token: str, now: datetime) -> TokenClaims:
    """Return what the token proves; raises InvalidFeedbackToken."""
    if not _SHAPE.fullmatch(token):
        raise InvalidFeedbackToken("This is no feedback token: send it as it was given, 60 characters.")
    held = base64.urlsafe_b64decode(token)
    content, signature = held[:-_SIGNATURE_BYTES], held[-_SIGNATURE_BYTES:]
    made_here = [bytes.fromhex(digest) for digest in encryption.keyed_hashes(content, purpose=_PURPOSE)]
    if not any(hmac.compare_digest(signature, digest[:_SIGNATURE_BYTES]) for digest in made_here):
        raise InvalidFeedbackToken("The feedback token is not genuine: send it unchanged, as it was given.")
    version, team_id, request_id, expiry = _CONTENT.unpack(content)
    expires_at = datetime.fromtimestamp(expiry, UTC)
    if version != _VERSION or expires_at <= now:
        raise InvalidFeedbackToken("The feedback token has expired: have the application ask for a new one.")
    return TokenClaims(team_id=team_id, request_id=uuid.UUID(bytes=request_id), expires_at=expires_at)
