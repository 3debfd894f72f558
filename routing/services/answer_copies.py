"""Copies of answers: of streams while they pass, and encrypted for teams that keep their prompts."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import orjson

from accounts.selectors import TeamInfo
from accounts.services import encryption
from routing.models import StoredPrompt
from routing.services.rendering import STREAM_TYPE, Rendered

MAX_COPY_BYTES = 4 * 1024 * 1024
_PROMPTS = "stored-prompt"


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
