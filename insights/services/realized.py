"""Keeps up to date what applied actions have saved."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from insights.models import AppliedAction
from insights.selectors import realized
from insights.services import invalidation

# Requests under way are settled a little after they came, and a run may be missed.
_LATE = timedelta(days=1)


def measure_all(*, now: datetime) -> dict[str, Any]:
    """Measure every action whose figures can still change: in force for less than 90 days, or until a day ago."""
    day_before = now - _LATE
    rows = AppliedAction.objects.filter(
        Q(measured_at__isnull=True)
        | Q(reverted_at__gt=day_before)
        | Q(reverted_at__isnull=True, applied_at__gt=day_before - realized.MEASURED_FOR)
    )
    changed = sum(measure(applied, now=now) for applied in rows.order_by("id"))
    return {"measured": len(rows), "changed": changed}


def measure(applied: AppliedAction, *, now: datetime) -> bool:
    """Measure one action from the ledger; return whether it says something else than before."""
    found = realized.measured(applied, now=now)
    figures = (found.nano_usd, found.is_compared, found.assumption[:500])
    has_changed = figures != (applied.realized_nano_usd, applied.is_compared, applied.assumption)
    applied.realized_nano_usd, applied.is_compared, applied.assumption = figures
    applied.measured_at = now
    with transaction.atomic():
        applied.save(update_fields=("realized_nano_usd", "is_compared", "assumption", "measured_at"))
        if has_changed:
            invalidation.bump(applied.team_id)
    return has_changed
