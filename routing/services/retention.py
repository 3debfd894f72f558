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
    """Rows deleted."""

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
    oldest_window = int((now - RATE_LIMIT_WINDOW_AGE).timestamp())
    return RetentionReport(
        cached_responses=_delete(CachedResponse.objects.filter(expires_at__lte=now)),
        idempotency_claims=_delete(IdempotencyClaim.objects.filter(expires_at__lte=now)),
        stored_prompts=_delete(StoredPrompt.objects.filter(expires_at__lte=now)),
        prompt_embeddings=_delete(PromptEmbedding.objects.filter(expires_at__lte=now)) + _delete_unwanted_vectors(),
        rate_limit_windows=_delete(RateLimitWindow.objects.filter(window_start__lt=oldest_window)),
        gateway_instances=_delete(GatewayInstance.objects.filter(lease_expires_at__lt=now - INSTANCE_AGE)),
        exposures=_delete(_old_exposures(now)),
    )


def _old_exposures(now: datetime) -> QuerySet[Exposure]:
    running = TrafficSplit.objects.filter(is_running=True).values("experiment_id")
    return Exposure.objects.filter(exposed_at__lt=now - EXPOSURE_AGE).exclude(experiment_id__in=running)


def _delete_unwanted_vectors() -> int:
    """Delete what was kept of the prompts of teams that have since asked to keep nothing."""
    teams = list(Team.objects.filter(keeps_embeddings=False).values_list("id", flat=True))
    return _delete(PromptEmbedding.objects.filter(team_id__in=teams)) if teams else 0


def _delete(expired: QuerySet[Any]) -> int:
    deleted = 0
    for _ in range(MAX_BATCHES):
        keys = list(expired.order_by().values_list("pk", flat=True)[:BATCH_SIZE])
        # The condition is repeated: a cached answer may have been renewed since it was read.
        deleted += expired.filter(pk__in=keys).delete()[0]
        if len(keys) < BATCH_SIZE:
            break
    return deleted
