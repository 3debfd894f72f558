"""A validated request, on its way to a model."""

import time
from datetime import datetime
from typing import Any, Literal

import msgspec

from accounts.selectors import KeyInfo
from accounts.services import encryption
from routing.domain import normalization
from routing.domain.decision import Controls, RoutingDecision
from routing.services import response_cache
from routing.services.ledger_rows import Caller
from routing.services.wish import Wish


class CompletionRequest(msgspec.Struct, frozen=True):
    """A validated request. ``body`` is what a provider may see; ``started`` is of the monotonic clock."""

    request_id: str
    key: KeyInfo
    endpoint: Literal["chat", "complete"]
    body: dict[str, Any]
    requested_model: str
    is_stream: bool
    wants_usage_chunk: bool
    controls: Controls
    may_cache: bool
    task: str | None
    session_id: str | None
    user_id: str | None
    idempotency_key: str | None
    body_hash: str
    received_at: datetime
    started: float
    experiment_id: int | None = None
    # The caller's trace, as the header of the W3C's Trace Context says it.
    traceparent: str | None = None

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the request began to arrive."""
        return round((time.monotonic() - self.started) * 1000)

    @property
    def keeps_prompt(self) -> bool:
        return self.key.team.prompt_retention_days is not None

    def wish(self) -> Wish:
        """Return what is to be decided of it."""
        return Wish(
            body=self.body,
            requested_model=self.requested_model,
            controls=self.controls,
            team=self.key.team,
            task=self.task,
            request_id=self.request_id,
            session_id=self.session_id,
            user_id=self.user_id,
            experiment_id=self.experiment_id,
        )

    def cache_key(self, decision: RoutingDecision) -> str | None:
        """Return the key of its answer in the response cache, as it was decided; None when that is off."""
        team = self.key.team
        if team.cache_ttl_seconds is None or not self.may_cache:
            return None
        return response_cache.key_for(
            team,
            self.body,
            requested_model=self.requested_model,
            controls=self.controls,
            decided_by=response_cache.decided_by(decision),
        )

    def caller(self, instance_id: str) -> Caller:
        """Return what goes into the ledger row of the process with this lease."""
        fingerprint = encryption.keyed_hash(normalization.prompt_bytes(self.body), purpose="prompt-fingerprint")
        return Caller(
            request_id=self.request_id,
            instance_id=instance_id,
            team_id=self.key.team.id,
            api_key_id=self.key.id,
            endpoint=self.endpoint,
            is_stream=self.is_stream,
            requested_model=self.requested_model,
            task=self.task,
            user_id=self.user_id,
            session_id=self.session_id,
            prompt_fingerprint=fingerprint,
            created_at=self.received_at,
            min_quality=self.controls.min_quality,
        )
