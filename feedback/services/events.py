"""Keeps the telemetry events that teams send, for as long as the setting says."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Team
from feedback.domain.events import Event
from feedback.models import MetricEvent

_BATCH = 500
# Bounds one run; what is left is deleted by the next.
_MAX_BATCHES = 400


def store(team: Team, events: Sequence[Event], *, now: datetime) -> list[MetricEvent]:
    """Store events, all of them or, where the database fails, none; return them with their ids, in order."""
    rows = [
        MetricEvent(
            team=team,
            type=event.type,
            user_id=event.user_id,
            occurred_at=event.occurred_at or now,
            received_at=now,
            data=dict(event.data),
        )
        for event in events
    ]
    return MetricEvent.objects.bulk_create(rows)


def delete_expired(*, now: datetime) -> int:
    """Delete the events that arrived more than ``METRICS_RETENTION_DAYS`` ago, in batches; return how many."""
    expired = _expired(now)
    deleted = 0
    for _ in range(_MAX_BATCHES):
        ids = list(expired.order_by("received_at").values_list("id", flat=True)[:_BATCH])
        deleted += MetricEvent.objects.filter(id__in=ids).delete()[0]
        if len(ids) < _BATCH:
            break
    return deleted


def count_expired(*, now: datetime) -> int:
    """Count the events that ``delete_expired`` would delete, were it not bounded."""
    return _expired(now).count()


def _expired(now: datetime) -> QuerySet[MetricEvent]:
    return MetricEvent.objects.filter(received_at__lt=now - timedelta(days=settings.METRICS_RETENTION_DAYS))
