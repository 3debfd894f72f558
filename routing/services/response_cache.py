"""Answers reused within a team: exact matches only, encrypted, for as long as the team chose (at most a day)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import Q
from msgspec.structs import asdict

from accounts.selectors import TeamInfo
from accounts.services import encryption
from routing.domain import normalization, upgrades
from routing.domain.decision import Controls, RoutingDecision
from routing.domain.usage import Usage
from routing.models import CachedResponse, LedgerEntry
from routing.providers.base import StreamEnd
from routing.services.answer_copies import MAX_COPY_BYTES
from routing.services.rendering import Result

MAX_TTL_SECONDS = 86_400
# An answer that was cut by a filter or broke off is not one to repeat.
REUSABLE_FINISHES = frozenset({"stop", "tool_calls", "function_call", "length"})
_PURPOSE = "response-cache"


@dataclass(frozen=True, slots=True)
class Found:
    """A reusable answer: ``body`` is the provider's JSON, or for a stream what ``stream_document`` made of it."""

    provider: str
    served_model: str
    body: bytes
    usage: Usage


def key_for(team: TeamInfo, body: dict[str, Any], *, requested_model: str, controls: Controls, decided_by: str) -> str:
    """Return the key of a request: equal only for one team, model or strategy, controls, parameters and messages.

    Args:
        decided_by: As ``decided_by`` returns it.
    """
    limits = f"{controls.max_cost_usd}\n{controls.min_quality}\n{decided_by}"
    request = normalization.normalized_request(body, model_or_strategy=requested_model)
    return encryption.keyed_hash(f"{team.id}\n{limits}\n".encode() + request, purpose=_PURPOSE)


def decided_by(decision: RoutingDecision) -> str:
    """Name the policy and the rules of the team that had a say in a decision.

    It is repeated only under the same ones: a new policy or rule is in force for prompts that were asked before as
    well, and a version that is restored finds its answers again.
    """
    policy = str(decision.policy_version)
    if decision.strategy == upgrades.STRATEGY:
        # What took the place of a dearer model is not repeated once the dearer one answers again.
        policy = upgrades.STRATEGY
    return f"{policy} {[rule.id for rule in decision.rules]}" if decision.rules else policy


def find(key: str, now: datetime) -> Found | None:
    """Return the unexpired answer under ``key``; one that can no longer be decrypted counts as absent."""
    row = CachedResponse.objects.filter(key=key, expires_at__gt=now).first()
    if row is None:
        return None
    try:
        body = encryption.decrypt(bytes(row.encrypted_body), purpose=_PURPOSE)
    except encryption.CannotDecrypt:
        return None
    return Found(row.provider, row.served_model, body, Usage(**{**row.usage, "flags": ()}))


def entry(
    key: str, team: TeamInfo, result: Result, body: bytes | None, *, is_stream: bool, now: datetime
) -> CachedResponse | None:
    """Return the row to keep for an answer; None when it is not one to repeat, or too large."""
    if team.cache_ttl_seconds is None or body is None or len(body) > MAX_COPY_BYTES:
        return None
    if result.finish_reason not in REUSABLE_FINISHES or result.usage is None:
        return None
    return CachedResponse(
        key=key,
        team_id=team.id,
        source_request_id=result.request_id,
        provider=result.model.provider,
        served_model=result.model.name,
        is_stream=is_stream,
        encrypted_body=encryption.encrypt(body, purpose=_PURPOSE),
        usage={**asdict(result.usage), "flags": []},
        original_cost_nano_usd=result.cost_nano_usd,
        created_at=now,
        expires_at=now + timedelta(seconds=min(team.cache_ttl_seconds, MAX_TTL_SECONDS)),
    )


def stream_document(blocks: bytes | None, end: StreamEnd) -> bytes | None:
    """Return a stream as one document: its events and the parts of its end."""
    if blocks is None:
        return None
    return orjson.dumps(
        {
            "blocks": blocks.decode("utf-8", "replace"),
            "final_chunk": end.final_chunk,
            "usage_extra": end.usage_extra,
            "finish_reason": end.finish_reason,
        }
    )


def replayed(document: bytes) -> tuple[bytes, StreamEnd]:
    """Return the events and the end of a stream kept by ``stream_document``."""
    held = orjson.loads(document)
    end = StreamEnd(
        final_chunk=held["final_chunk"],
        usage=None,
        usage_extra=held["usage_extra"],
        finish_reason=held["finish_reason"],
        text="",
    )
    return held["blocks"].encode(), end


def drop_for_request(request_id: str | UUID) -> int:
    """Delete what was kept of one request's answer (it was rated badly); return how many entries.

    An answer that came from the cache belongs to an earlier request of the team, with the same prompt and model.
    """
    source = Q(source_request_id=request_id)
    hit = LedgerEntry.objects.filter(request_id=request_id, is_cache_hit=True).first()
    if hit is not None:
        alike = LedgerEntry.objects.filter(team_id=hit.team_id, prompt_fingerprint=hit.prompt_fingerprint)
        source = Q(
            team_id=hit.team_id,
            provider=hit.provider,
            served_model=hit.served_model,
            source_request_id__in=alike.values("request_id"),
        )
    with transaction.atomic():
        return CachedResponse.objects.filter(source).delete()[0]
