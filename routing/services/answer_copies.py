"""Encrypted copies of answers: for a repeated Idempotency-Key, and for teams that keep their prompts."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import orjson

from accounts.selectors import TeamInfo
from accounts.services import encryption
from routing.models import StoredPrompt
from routing.services import ledger
from routing.services.rendering import JSON_TYPE, STREAM_TYPE, Rendered

MAX_COPY_BYTES = 4 * 1024 * 1024
CLAIM_LIFETIME = timedelta(hours=24)
REPLAY_HEADER = "x-optimizer-idempotent-replay"
_CONTENT_TYPE = "content-type"
_ANSWERS = "idempotency-answer"
_PROMPTS = "stored-prompt"


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
    """Return an answer as it is kept; one over ``MAX_COPY_BYTES`` is noted without its body."""
    body = encryption.encrypt(answer.body, purpose=_ANSWERS) if len(answer.body) <= MAX_COPY_BYTES else None
    return ledger.Answer(answer.status, {**answer.headers, _CONTENT_TYPE: answer.content_type}, body)


def replay(existing: ledger.ExistingClaim) -> Rendered:
    """Return the kept answer again, byte for byte; raises CannotDecrypt when its key is no longer known."""
    assert existing.status is not None
    assert existing.headers is not None
    assert existing.encrypted_body is not None
    headers = dict(existing.headers)
    content_type = headers.pop(_CONTENT_TYPE, JSON_TYPE)
    body = encryption.decrypt(existing.encrypted_body, purpose=_ANSWERS)
    return Rendered(existing.status, {**headers, REPLAY_HEADER: "true"}, body, content_type)


def stored_prompt(request_id: str, team: TeamInfo, messages: Any, answer: bytes, now: datetime) -> StoredPrompt | None:
    """Return the copy a team asked to keep for its number of days; None for the others."""
    if team.prompt_retention_days is None:
        return None
    document = orjson.dumps({"messages": messages, "answer": answer[:MAX_COPY_BYTES].decode("utf-8", "replace")})
    return StoredPrompt(
        request_id=request_id,
        team_id=team.id,
        encrypted_body=encryption.encrypt(document, purpose=_PROMPTS),
        created_at=now,
        expires_at=now + timedelta(days=team.prompt_retention_days),
    )


def stored_messages(kept: StoredPrompt) -> Any:
    """Return the messages of a kept prompt; raises CannotDecrypt when its key is no longer known."""
    return orjson.loads(encryption.decrypt(bytes(kept.encrypted_body), purpose=_PROMPTS))["messages"]


class StreamCopy(msgspec.Struct):
    """Collects a stream's bytes while they pass; gives up, and says so, past ``MAX_COPY_BYTES``."""

    is_wanted: bool
    is_complete: bool = True
    _blocks: list[bytes] = msgspec.field(default_factory=list)
    _size: int = 0

    def add(self, block: bytes) -> None:
        if not self.is_wanted or not self.is_complete:
            return
        self._size += len(block)
        if self._size > MAX_COPY_BYTES:
            self.is_complete = False
            self._blocks.clear()
            return
        self._blocks.append(block)

    @property
    def body(self) -> bytes | None:
        """What has passed so far; None when it is not kept or was too much."""
        return b"".join(self._blocks) if self.is_wanted and self.is_complete else None

    def rendered(self, headers: dict[str, str], last: bytes) -> Rendered | None:
        """Return the whole stream with its last bytes as one response; None when it is not kept."""
        body = self.body
        return None if body is None else Rendered(200, headers, body + last, STREAM_TYPE)
