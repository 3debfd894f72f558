"""A repeated Idempotency-Key: its request runs once, and gives its first answer again."""

from datetime import datetime, timedelta

from accounts.services import encryption
from routing.services import ledger
from routing.services.answer_copies import MAX_COPY_BYTES
from routing.services.rendering import JSON_TYPE, Rendered

CLAIM_LIFETIME = timedelta(hours=24)
REPLAY_HEADER = "x-optimizer-idempotent-replay"
_CONTENT_TYPE = "content-type"
_PURPOSE = "idempotency-answer"


class IdempotencyMismatch(Exception):
    """The Idempotency-Key was used before with another request."""


class IdempotencyConflict(Exception):
    """The request with this Idempotency-Key is still being worked on, or its outcome is not known."""


def claim_for(*, team_id: int, endpoint: str, idempotency_key: str, body_hash: str, now: datetime) -> ledger.Claim:
    """Return the claim on an Idempotency-Key; keys are a team's own and separate per path."""
    scoped = f"{team_id}\n{endpoint}\n{idempotency_key}".encode()
    return ledger.Claim(
        team_id=team_id,
        key_hash=encryption.keyed_hash(scoped, purpose="idempotency-key"),
        body_hash=body_hash,
        created_at=now,
        expires_at=now + CLAIM_LIFETIME,
    )


def kept(answer: Rendered) -> ledger.Answer:
    """Return an answer as it is kept, encrypted; one over ``MAX_COPY_BYTES`` is noted without its body."""
    body = encryption.encrypt(answer.body, purpose=_PURPOSE) if len(answer.body) <= MAX_COPY_BYTES else None
    return ledger.Answer(answer.status, {**answer.headers, _CONTENT_TYPE: answer.content_type}, body)


def replay(existing: ledger.ExistingClaim, body_hash: str) -> Rendered:
    """Return the answer that was given before, byte for byte.

    Raises:
        IdempotencyMismatch: It was given to another request than the one with ``body_hash``.
        IdempotencyConflict: It is not there yet, was not kept, or cannot be read any more.
    """
    if existing.body_hash != body_hash:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used with a different request body. Use a new key for a new request."
        )
    if existing.state == "in_flight":
        raise IdempotencyConflict("A request with this Idempotency-Key is being worked on. Try again in a moment.")
    if existing.state == "unknown" or existing.encrypted_body is None:
        raise IdempotencyConflict(
            "The first request with this Idempotency-Key was run, but its answer was not kept (it was broken off, "
            "or too large). Use a new key to run it again."
        )
    try:
        body = encryption.decrypt(existing.encrypted_body, purpose=_PURPOSE)
    except encryption.CannotDecrypt:
        raise IdempotencyConflict(
            "The answer kept for this Idempotency-Key can no longer be read: its SECRET_KEY has been rotated out. "
            "Use a new key to run the request again."
        ) from None
    assert existing.status is not None
    assert existing.headers is not None
    headers = dict(existing.headers)
    content_type = headers.pop(_CONTENT_TYPE, JSON_TYPE)
    return Rendered(existing.status, {**headers, REPLAY_HEADER: "true"}, body, content_type)
