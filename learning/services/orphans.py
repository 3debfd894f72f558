"""Deletes what nothing refers to any more."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from routing.models import PolicyVersion, PredictorModel

# A predictor is stored shortly before the policy that routes by it.
GRACE = timedelta(days=1)


def clean(*, now: datetime) -> dict[str, int]:
    """Delete trained predictors, of a few megabytes each, that no policy version holds; return how many."""
    deleted, _ = _unheld(now).delete()
    return {"predictors": deleted}


def count(*, now: datetime) -> dict[str, int]:
    """Count what ``clean`` would delete."""
    return {"predictors": _unheld(now).count()}


def _unheld(now: datetime) -> QuerySet[PredictorModel]:
    held = PolicyVersion.objects.filter(predictor__isnull=False).values("predictor_id")
    return PredictorModel.objects.filter(trained_at__lt=now - GRACE).exclude(pk__in=held)
