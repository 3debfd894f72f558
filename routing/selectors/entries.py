"""Single rows of the ledger. ``team_id`` of None reads those of all teams: only staff may ask that."""

from uuid import UUID

from routing.models import LedgerEntry


def find(request_id: UUID, *, team_id: int | None) -> LedgerEntry | None:
    """Return the row of a request with its team; None where there is none, or it is another team's."""
    rows = LedgerEntry.objects.select_related("team").filter(request_id=request_id)
    return (rows if team_id is None else rows.filter(team_id=team_id)).first()
