"""How much traffic a policy decides."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from accounts.models import Team
from accounts.selectors import in_scope
from learning.selectors.logged_decisions import DECIDED_BY_POLICY
from routing.models import LedgerEntry

# Enough to answer whether an experiment is possible, however large the ledger.
MAX_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests that left the choice to the policy, and the named users among them, counted up to ``MAX_ROWS``."""

    decisions: int
    users: int


def decided(*, team: Team | None, since: datetime, until: datetime) -> Traffic:
    """Count the newest requests of a scope in [``since``, ``until``); a ``team`` of None: teams that learn together."""
    rows = (
        LedgerEntry.objects.filter(
            in_scope(team), created_at__gte=since, created_at__lt=until, requested_model__in=DECIDED_BY_POLICY
        )
        .order_by("-created_at")
        .values_list("team_id", "user_id")
        .iterator(chunk_size=2_000)
    )
    found = list(islice(rows, MAX_ROWS))
    return Traffic(decisions=len(found), users=len({row for row in found if row[1] is not None}))
