"""Whether ratings belong to requests of their team, teach what they say, and are added up right."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Max

from feedback.domain import reward
from feedback.models import ChangedFeedbackDay, FeedbackTally, ResponseFeedback
from feedback.selectors import tallies
from monitoring.services.integrity_checks.scope import Outcome, Scope, deleted_before
from routing.domain.time_ranges import DAY
from routing.models import LedgerEntry

PROBES, ROWS_A_PROBE = 4, 50
BATCH = 1000
DAYS = 3
ALMOST = 1e-9
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def links(scope: Scope) -> Outcome:
    """Look for linked ratings whose request is not in the ledger, or is another team's.

    Ratings of requests that have been deleted with their time are passed over.
    """
    outcome = Outcome("feedback_links")
    deleted = deleted_before() or _BEGINNING
    for batch in _batches(scope):
        linked = [row for row in batch if row.linked and row.requested_at and row.requested_at >= deleted]
        ids = {row.ledger_request_id for row in linked if row.ledger_request_id}
        owners = dict(LedgerEntry.objects.filter(request_id__in=ids).values_list("request_id", "team_id"))
        outcome.looked_at += len(linked)
        for row in linked:
            if owners.get(row.ledger_request_id) != row.team_id:  # type: ignore[arg-type]
                outcome.fail(f"rating {row.id} is linked to {row.ledger_request_id}, no request of its team")
    return outcome


def rewards(scope: Scope) -> Outcome:
    """Compute what is learned from ratings anew from what they say."""
    outcome = Outcome("feedback_rewards")
    for batch in _batches(scope):
        for row in batch:
            outcome.looked_at += 1
            expected = reward.reward(
                quality_score=row.quality_score,
                is_correct=row.is_correct,
                is_helpful=row.is_helpful,
                metrics=row.metrics,
            )
            if abs(row.reward - expected) > ALMOST:
                outcome.fail(f"rating {row.id} has the reward {row.reward:.6f}, computed anew {expected:.6f}")
    return outcome


def sums(scope: Scope) -> Outcome:
    """Hold the tallies of days against the ratings themselves."""
    outcome = Outcome("feedback_tallies")
    changed = set(ChangedFeedbackDay.objects.values_list("period", flat=True))
    days = [day for day in tallies.days() if day not in changed]
    if not scope.is_full:
        days = scope.rng.sample(days, min(DAYS, len(days)))
    for day in days:
        outcome.looked_at += 1
        counted = _sums(tallies.of_ratings([(day, day + DAY)], "team_id"))
        stored = _sums(FeedbackTally.objects.filter(starts_at=day).values(*_SUMMED))
        if counted != stored and not ChangedFeedbackDay.objects.filter(period=day).exists():
            outcome.fail(f"the tallies of {day:%Y-%m-%d} differ from its ratings")
    return outcome


_SUMMED = ("team_id", "linked", "pattern", "provider", "served_model", "count", "stars", "judged", "correct")


def _sums(rows: Iterable[Any]) -> set[tuple[Any, ...]]:
    return {tuple(row[name] for name in _SUMMED) for row in rows}


def _batches(scope: Scope) -> Iterable[Sequence[ResponseFeedback]]:
    ratings, last = ResponseFeedback.objects.order_by("id"), 0
    if not scope.is_full:
        newest = ratings.aggregate(newest=Max("id"))["newest"] or 0
        starts = sorted(scope.rng.randint(1, newest) for _ in range(PROBES)) if newest else []
        yield from (list(ratings.filter(id__gte=start)[:ROWS_A_PROBE]) for start in starts)
        return
    while batch := list(ratings.filter(id__gt=last)[:BATCH]):
        last = batch[-1].id
        yield batch
