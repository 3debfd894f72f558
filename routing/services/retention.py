"""Deletes what has outlived its time, in small batches that never hold the database for long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from accounts.models import RateLimitWindow, Team
from routing.models import (
    CachedResponse,
    Exposure,
    GatewayInstance,
    IdempotencyClaim,
    PromptEmbedding,
    StoredPrompt,
    TrafficSplit,
)

BATCH_SIZE = 500
# Bounds one run; what is left is deleted by the next.
MAX_BATCHES = 400
# The minute being counted and the one before may still be read.
RATE_LIMIT_WINDOW_AGE = timedelta(minutes=2)
# Processes that ended this long ago have no open rows left, and nobody looks for them any more.
INSTANCE_AGE = timedelta(days=7)
# Of the units of experiments that have ended.
EXPOSURE_AGE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """Rows that were deleted, or would be."""

    cached_responses: int
    idempotency_claims: int
    stored_prompts: int
    prompt_embeddings: int
    rate_limit_windows: int
    gateway_instances: int
    exposures: int


def delete_expired(*, now: datetime) -> RetentionReport:
    """Delete what has expired: answers, claims, prompts, vectors, rate-limit windows, ended processes and exposures.

    Each batch is a transaction of its own, so a run that is broken off has still done its part.
    """
    return RetentionReport(**{name: sum(map(_delete, parts)) for name, parts in _expired(now).items()})


def count_expired(*, now: datetime) -> RetentionReport:
    """Count what ``delete_expired`` would delete, were it not bounded."""
    return RetentionReport(**{name: sum(part.count() for part in parts) for name, parts in _expired(now).items()})


def _expired(now: datetime) -> dict[str, tuple[QuerySet[Any], ...]]:
    oldest_window = int((now - RATE_LIMIT_WINDOW_AGE).timestamp())
    return {
        "cached_responses": (CachedResponse.objects.filter(expires_at__lte=now),),
        "idempotency_claims": (IdempotencyClaim.objects.filter(expires_at__lte=now),),
        "stored_prompts": (StoredPrompt.objects.filter(expires_at__lte=now),),
        "prompt_embeddings": (PromptEmbedding.objects.filter(expires_at__lte=now), _unwanted_vectors(now)),
        "rate_limit_windows": (RateLimitWindow.objects.filter(window_start__lt=oldest_window),),
        "gateway_instances": (GatewayInstance.objects.filter(lease_expires_at__lt=now - INSTANCE_AGE),),
        "exposures": (_old_exposures(now),),
    }


def _old_exposures(now: datetime) -> QuerySet[Exposure]:
    running = TrafficSplit.objects.filter(is_running=True).values("experiment_id")
    return Exposure.objects.filter(exposed_at__lt=now - EXPOSURE_AGE).exclude(experiment_id__in=running)


def _unwanted_vectors(now: datetime) -> QuerySet[PromptEmbedding]:
    """Return what was kept of the prompts of teams that have since asked to keep nothing, and has not expired."""
    teams = list(Team.objects.filter(keeps_embeddings=False).values_list("id", flat=True))
    vectors = PromptEmbedding.objects.filter(team_id__in=teams, expires_at__gt=now)
    return vectors if teams else vectors.none()


def _delete(expired: QuerySet[Any]) -> int:
    deleted = 0
    for _ in range(MAX_BATCHES):
        keys = list(expired.order_by().values_list("pk", flat=True)[:BATCH_SIZE])
        # The condition is repeated: a cached answer may have been renewed since it was read.
        deleted += expired.filter(pk__in=keys).delete()[0]
        if len(keys) < BATCH_SIZE:
            break
    return deleted
