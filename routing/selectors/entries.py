"""Single rows of the ledger. ``team_id`` of None reads those of all teams: only staff may ask that."""

from uuid import UUID

from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from routing.models import LedgerEntry

# Written out, because SQLite takes the index of open rows only where it sees the very condition of that index.
_IS_OPEN = RawSQL("state = 'pending'", (), output_field=BooleanField())


def find(request_id: UUID, *, team_id: int | None) -> LedgerEntry | None:
    """Return the row of a request with its team; None where there is none, or it is another team's."""
    rows = LedgerEntry.objects.select_related("team").filter(request_id=request_id)
    return (rows if team_id is None else rows.filter(team_id=team_id)).first()


def open_rows() -> QuerySet[LedgerEntry]:
    """Return the rows that are not closed yet, in no order, by their own index: few, however long the ledger is.

    With a time as a further condition, SQLite reads the ledger instead.
    """
    return LedgerEntry.objects.order_by().filter(_IS_OPEN)
