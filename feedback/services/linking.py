"""Ties ratings to the requests they are about."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import Team
from feedback.models import ResponseFeedback
from feedback.services import tallies
from routing.models import LedgerEntry
from routing.services import embeddings, response_cache

BATCH_SIZE = 500
LOW_SCORE = 2
# A request that nobody answered, or whose process died, has no model whose quality a rating could be about.
_ANSWERED = frozenset({LedgerEntry.State.SETTLED, LedgerEntry.State.PARTIAL})
_COPIED = (
    "linked",
    "user_id",
    "api_key_id",
    "ledger_request_id",
    "requested_at",
    "pattern",
    "task",
    "provider",
    "served_model",
    "strategy",
    "policy_version",
    "complexity_score",
    "propensity",
    "cost_nano_usd",
    "is_cache_hit",
    "is_fallback",
    "experiment_id",
)


def as_uuid(request_id: str) -> uuid.UUID | None:
    """Return the id of a request as the ledger has it; None for text that names none."""
    try:
        return uuid.UUID(request_id)
    except ValueError:
        return None


def find_request(team: Team | None, request_id: str) -> LedgerEntry | None:
    """Return the team's request, or any team's for None; None where there is none, another team's included."""
    found = as_uuid(request_id)
    if found is None:
        return None
    requests = LedgerEntry.objects.select_related("api_key").filter(request_id=found)
    return (requests if team is None else requests.filter(team=team)).first()


def copy_request(feedback: ResponseFeedback, entry: LedgerEntry) -> None:
    """Link an unsaved rating to its request, which is over; nothing is stored.

    Provider and model stay empty where no model answered: such a rating is kept and never counted. Who rates by token
    is the user that the request was made for, whom only its own application may name.
    """
    if feedback.source == ResponseFeedback.Source.TOKEN:
        feedback.user_id = entry.user_id
        feedback.api_key = entry.api_key
    feedback.linked = True
    feedback.ledger_request_id = entry.request_id
    feedback.requested_at = entry.created_at
    feedback.pattern = entry.pattern
    feedback.task = entry.task
    if entry.state in _ANSWERED:
        feedback.provider = entry.provider
        feedback.served_model = entry.served_model
    feedback.strategy = entry.strategy
    feedback.policy_version = entry.policy_version
    feedback.complexity_score = entry.complexity_score
    feedback.propensity = entry.propensity
    feedback.cost_nano_usd = entry.cost_nano_usd
    feedback.is_cache_hit = entry.is_cache_hit
    feedback.is_fallback = entry.is_fallback
    feedback.experiment_id = entry.experiment_id


def note_linked(feedback: ResponseFeedback, entry: LedgerEntry, now: datetime) -> None:
    """Do what a linked rating entails, in the transaction that stores it.

    What is known of the prompt is kept for as long as the rating is learned from, and an answer that was rated badly
    is not given again.
    """
    embeddings.extend([entry.request_id], now + timedelta(days=settings.LEARNING_WINDOW_DAYS))
    if feedback.is_correct is False or feedback.quality_score <= LOW_SCORE:
        response_cache.drop_for_request(entry.request_id)


def link_pending(*, now: datetime) -> int:
    """Link the ratings whose request has appeared or ended since they were given; return how many.

    Looks at the unlinked ratings of the learning window, each batch in a transaction of its own: an older one could
    teach nothing any more.
    """
    since = now - timedelta(days=settings.LEARNING_WINDOW_DAYS)
    unlinked = ResponseFeedback.objects.filter(linked=False, created_at__gte=since).order_by("id")
    linked, last_id = 0, 0
    while batch := list(unlinked.filter(id__gt=last_id)[:BATCH_SIZE]):
        last_id = batch[-1].id
        linked += _link(batch, now)
    return linked


def _link(batch: Sequence[ResponseFeedback], now: datetime) -> int:
    entries = _ended_requests(batch)
    with transaction.atomic():
        moments = []
        for feedback in batch:
            entry = entries.get((feedback.team_id, as_uuid(feedback.request_id)))
            if entry is None:
                continue
            copy_request(feedback, entry)
            values = {name: getattr(feedback, name) for name in _COPIED}
            # Conditional, so that two runs at once link and count a rating once.
            if ResponseFeedback.objects.filter(id=feedback.id, linked=False).update(**values):
                note_linked(feedback, entry, now)
                moments.append(feedback.created_at)
        tallies.mark(moments)
    return len(moments)


def _ended_requests(batch: Iterable[ResponseFeedback]) -> dict[tuple[int, uuid.UUID | None], LedgerEntry]:
    ids = {found for feedback in batch if (found := as_uuid(feedback.request_id))}
    entries = LedgerEntry.objects.filter(request_id__in=ids).exclude(state=LedgerEntry.State.PENDING)
    entries = entries.select_related("api_key")
    return {(entry.team_id, entry.request_id): entry for entry in entries}
