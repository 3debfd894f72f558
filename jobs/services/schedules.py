"""Writes the schedule of the settings into the scheduler's table, and leaves alone what staff have made of it."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from jobs.models import ShippedSchedule

logger = logging.getLogger(__name__)


@transaction.atomic
def ship(entries: Mapping[str, Mapping[str, Any]], *, now: datetime) -> None:
    """Bring the scheduler's table up to date with the settings.

    An entry is written when it is new or the settings say something else of it than when it was written last; in
    between, what staff change stays. What the settings no longer name is removed, whatever staff added is not.
    """
    written = []
    shipped = {row.name: row for row in ShippedSchedule.objects.select_for_update()}
    for name, entry in entries.items():
        definition = {key: str(value) for key, value in sorted(entry.items())}
        known = shipped.pop(name, None)
        if known is not None and known.definition == definition and PeriodicTask.objects.filter(name=name).exists():
            continue
        _write(name, entry)
        first = known.first_shipped_at if known else now
        ShippedSchedule.objects.update_or_create(
            name=name, defaults={"definition": definition, "first_shipped_at": first}
        )
        written.append(name)
    PeriodicTask.objects.filter(name__in=shipped).delete()
    ShippedSchedule.objects.filter(name__in=shipped).delete()
    if written or shipped:
        logger.info("Schedule as the settings say: written %s; removed %s", written, list(shipped))


def _write(name: str, entry: Mapping[str, Any]) -> None:
    fields = {key: value for key, value in entry.items() if key != "enabled"}
    values = ModelEntry._unpack_fields(**fields)
    # Only an entry that is not there yet is switched on or off: what it is now, staff decided.
    PeriodicTask.objects.update_or_create(
        name=name, defaults=values, create_defaults={**values, "enabled": entry.get("enabled", True)}
    )
