"""Whether ledger rows cost what their tokens cost, and whether none was forgotten open."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import QuerySet

from accounts.models import Team
from monitoring.domain import ledger_figures
from monitoring.domain.ledger_figures import RowFigures
from monitoring.services.integrity_checks.scope import Outcome, Scope
from routing.domain.usage import Usage
from routing.models import LedgerEntry
from routing.selectors import entries

TEAMS, PROBES, ROWS_A_PROBE = 3, 3, 15
# The reconciler closes any row after half an hour.
OPEN_FOR = timedelta(hours=1)
_COLUMNS = (
    "request_id",
    "created_at",
    "attempts",
    "price_snapshot",
    "baseline_price_snapshot",
    "cost_nano_usd",
    "baseline_cost_nano_usd",
    "savings_nano_usd",
    "is_estimated",
    "is_cache_hit",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def figures(scope: Scope) -> Outcome:
    """Compute cost, baseline and savings of settled rows anew."""
    outcome = Outcome("ledger_figures")
    for row in _rows(scope):
        outcome.looked_at += 1
        for problem in ledger_figures.problems(_figures(row)):
            outcome.fail(f"request {row.request_id}: {problem}")
    return outcome


def open_rows(scope: Scope) -> Outcome:
    """Look for rows that have been open for longer than a request can take."""
    outcome = Outcome("ledger_open_rows", looked_at=1)
    pending = entries.open_rows().values_list("request_id", "created_at")
    for request_id, created_at in pending.iterator(chunk_size=2000):
        if created_at < scope.now - OPEN_FOR:
            outcome.fail(f"request {request_id} has been open for more than an hour")
    return outcome


def _rows(scope: Scope) -> Iterable[LedgerEntry]:
    settled = LedgerEntry.objects.order_by().filter(state=LedgerEntry.State.SETTLED).only(*_COLUMNS)
    if scope.is_full:
        yield from settled.iterator(chunk_size=2000)
        return
    for team_id in _some_teams(scope):
        yield from _some_of_team(settled.filter(team_id=team_id).order_by("created_at"), scope)


def _some_teams(scope: Scope) -> list[int]:
    ids = list(Team.objects.order_by("id").values_list("id", flat=True))
    return scope.rng.sample(ids, min(TEAMS, len(ids)))


def _some_of_team(rows: QuerySet[LedgerEntry], scope: Scope) -> Iterable[LedgerEntry]:
    """Return a few rows from random times of a team's history, and its newest, where a fault would show first."""
    first, newest = rows.first(), list(rows.reverse()[:ROWS_A_PROBE])
    if first is None:
        return []
    span = newest[0].created_at - first.created_at
    starts = [first.created_at + span * scope.rng.random() for _ in range(PROBES)]
    found = [row for start in starts for row in rows.filter(created_at__gte=start)[:ROWS_A_PROBE]]
    return {row.request_id: row for row in [*newest, *found]}.values()


def _figures(row: LedgerEntry) -> RowFigures:
    return RowFigures(
        usage=Usage(
            input_tokens=row.input_tokens or 0,
            output_tokens=row.output_tokens or 0,
            cached_input_tokens=row.cached_input_tokens or 0,
            cache_write_tokens=row.cache_write_tokens or 0,
            reasoning_tokens=row.reasoning_tokens or 0,
        ),
        price=row.price_snapshot,
        baseline_price=row.baseline_price_snapshot,
        attempts=row.attempts,
        cost=row.cost_nano_usd,
        baseline=row.baseline_cost_nano_usd,
        savings=row.savings_nano_usd,
        is_measured=not row.is_estimated,
        is_cache_hit=row.is_cache_hit,
    )
