"""What a calibration has spent, by the ledger's own rows."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet

from learning.models import Calibration
from learning.services.replay_prompts import LABEL_PREFIX
from routing.models import LedgerEntry

# The clocks of two processes may differ by a little.
_BEFORE = timedelta(minutes=10)
_COLUMNS = ("request_id", "state", "cost_nano_usd", "reserved_nano_usd", "output_tokens")


def label(calibration: Calibration) -> str:
    """Return what marks the ledger's rows of a calibration, as their session."""
    return f"{LABEL_PREFIX}{calibration.pk}"


def rows(calibration: Calibration) -> QuerySet[LedgerEntry]:
    """Return every request that a calibration has made, its judge's included."""
    return LedgerEntry.objects.filter(
        team_id=calibration.team_id,
        created_at__gte=calibration.created_at - _BEFORE,
        session_id=label(calibration),
    )


class SpendingBook:
    """Adds up the ledger's rows, each once; a row still pending counts with what is reserved for it."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._amounts: dict[str, int] = {}
        self.total_nano_usd = 0

    def reload(self) -> None:
        """Read all rows again: whatever became of requests whose answer never came is among them."""
        self._amounts.clear()
        self.total_nano_usd = 0
        self._add(rows(self._calibration).order_by().values(*_COLUMNS))

    def add(self, request_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Count these rows, new or changed, and return them by request id."""
        wanted = rows(self._calibration).filter(request_id__in=list(request_ids))
        return self._add(wanted.order_by().values(*_COLUMNS))

    def _add(self, found: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        by_id = {}
        for row in found:
            request_id = str(row["request_id"])
            is_pending = row["state"] == LedgerEntry.State.PENDING
            amount = int((row["reserved_nano_usd"] if is_pending else row["cost_nano_usd"]) or 0)
            self.total_nano_usd += amount - self._amounts.get(request_id, 0)
            self._amounts[request_id] = amount
            by_id[request_id] = row
        return by_id
