"""Copies what came of an experiment's requests from the ledger, and their ratings as they come in.

Both copies compare with what is there, so that doing them again, or twice at once, changes nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction

from experiments.models import Experiment, ExperimentResult
from experiments.selectors import outcomes
from feedback.models import ResponseFeedback
from routing.models import LedgerEntry
from routing.services.exposure_collector import unit_hash
from routing.services.writers_turn import writers_turn

T = TypeVar("T")
# Each batch is a transaction of its own: the gateway of an SQLite installation waits for it.
_BATCH_SIZE = 500
# A row may be committed, or a rating linked, this much later than it was made; the end looks at all of them.
_LATE = timedelta(days=1)
_FROM_LEDGER = (
    "experiment",
    "phase",
    "arm",
    "unit",
    "created_at",
    "settled_at",
    "cost_nano_usd",
    "reference_cost_nano_usd",
    "latency_ms",
    "first_token_ms",
    "is_success",
    "is_fallback",
)
_LEDGER_COLUMNS = (
    "request_id",
    "team_id",
    "user_id",
    "session_id",
    "experiment_phase",
    "experiment_arm",
    "created_at",
    "settled_at",
    "state",
    "is_fallback",
    "cost_nano_usd",
    "reference_cost_nano_usd",
    "latency_ms",
    "first_token_ms",
)
_FROM_RATING = ("feedback_id", "quality_score", "is_correct", "reward")


def collect(experiment: Experiment, *, now: datetime, everything: bool = False, at_most: int | None = None) -> int:
    """Bring the experiment's results up to date and return how many were written.

    Args:
        everything: Also look at rows and ratings of more than a day before the last time.
        at_most: Rows to copy, the oldest first; whoever waits for the answer gets one of a moment ago.
    """
    since = None if everything else _since(experiment)
    copied = _copy_closed(experiment, since, at_most)
    rated = _copy_ratings(experiment, since)
    if copied != at_most:
        Experiment.objects.filter(id=experiment.id).update(collected_at=now)
        experiment.collected_at = now
    return copied + rated


def is_behind(experiment: Experiment) -> bool:
    """Return whether ``collect`` would find anything, but for what it only looks for at the end."""
    since = _since(experiment)
    return (
        outcomes.uncollected(experiment, since=since).exists()
        or outcomes.uncollected_ratings(experiment, since=since).exists()
    )


def _since(experiment: Experiment) -> datetime | None:
    return None if experiment.collected_at is None else experiment.collected_at - _LATE


def _copy_closed(experiment: Experiment, since: datetime | None, at_most: int | None) -> int:
    written = 0
    # Their ids first: the question would have another answer after every batch.
    ids = outcomes.uncollected(experiment, since=since).values_list("request_id", flat=True)[:at_most]
    for batch in _batches(list(ids)):
        entries = LedgerEntry.objects.filter(request_id__in=batch).only(*_LEDGER_COLUMNS)
        results = [_result(experiment, entry) for entry in entries]
        with writers_turn(), transaction.atomic():
            ExperimentResult.objects.bulk_create(
                results, update_conflicts=True, unique_fields=("request_id",), update_fields=_FROM_LEDGER
            )
        written += len(batch)
    return written


def _copy_ratings(experiment: Experiment, since: datetime | None) -> int:
    written = 0
    for batch in _batches(list(outcomes.uncollected_ratings(experiment, since=since))):
        with writers_turn(), transaction.atomic():
            ExperimentResult.objects.bulk_update([_rated(rating) for rating in batch], _FROM_RATING)
        written += len(batch)
    return written


def _result(experiment: Experiment, entry: LedgerEntry) -> ExperimentResult:
    assert entry.settled_at is not None, "a closed row says when it was closed"
    assert entry.experiment_phase is not None, "a row of an experiment says its phase"
    assert entry.experiment_arm is not None, "a row of an experiment says its arm"
    return ExperimentResult(
        request_id=entry.request_id,
        experiment=experiment,
        phase=entry.experiment_phase,
        arm=entry.experiment_arm,
        unit=_unit(experiment, entry),
        created_at=entry.created_at,
        settled_at=entry.settled_at,
        cost_nano_usd=entry.cost_nano_usd,
        reference_cost_nano_usd=entry.reference_cost_nano_usd,
        latency_ms=entry.latency_ms,
        first_token_ms=entry.first_token_ms,
        is_success=entry.state == LedgerEntry.State.SETTLED,
        is_fallback=entry.is_fallback,
    )


def _unit(experiment: Experiment, entry: LedgerEntry) -> str:
    """Return the unit under the name that its exposure has."""
    if experiment.unit == Experiment.Unit.REQUEST:
        return entry.request_id.hex
    unit = entry.user_id if experiment.unit == Experiment.Unit.USER else entry.session_id
    assert unit is not None, "only requests that name their unit are assigned"
    return unit_hash(entry.team_id, unit)


def _rated(rating: ResponseFeedback) -> ExperimentResult:
    assert rating.ledger_request_id is not None, "a linked rating names its request"
    return ExperimentResult(
        request_id=rating.ledger_request_id,
        feedback_id=rating.id,
        quality_score=rating.quality_score,
        is_correct=rating.is_correct,
        reward=rating.reward,
    )


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), _BATCH_SIZE):
        yield rows[start : start + _BATCH_SIZE]
