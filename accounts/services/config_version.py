"""Tells every web process that its snapshot is out of date."""

from django.db.models import F
from django.utils import timezone

from accounts.models import ConfigVersion

ROW_ID = 1


def bump() -> None:
    """Count one change of configuration; call it in the transaction that makes the change."""
    moved = ConfigVersion.objects.filter(id=ROW_ID).update(version=F("version") + 1, changed_at=timezone.now())
    if not moved:
        ConfigVersion.objects.get_or_create(id=ROW_ID)


def current() -> int:
    """Return the number of the newest configuration, 0 before the first change."""
    return ConfigVersion.objects.filter(id=ROW_ID).values_list("version", flat=True).first() or 0
