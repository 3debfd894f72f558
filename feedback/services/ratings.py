"""Records what callers say of the answers they got."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import orjson
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction

from accounts.models import ApiKey, Team
from accounts.services import encryption, telemetry
from feedback.domain import reward
from feedback.domain.metrics import MetricValue
from feedback.models import ResponseFeedback
from feedback.services import linking, tallies
from routing.models import LedgerEntry
from routing.services.idempotency import IdempotencyMismatch


class UnknownRequest(Exception):
    """The rating is of no request of the team, and ratings of unknown requests are not wanted here."""


@dataclass(frozen=True, slots=True)
class Rater:
    """Who rates: a team by its key, or the holder of a request's token, which has no ``api_key``."""

    team: Team
    api_key: ApiKey | None


@dataclass(frozen=True, slots=True)
class Rating:
    """A checked rating: 1 to 5 stars, metrics without problems, texts within their limits; None is unknown."""

    request_id: str
    quality_score: int
    is_correct: bool | None
    is_helpful: bool | None
    metrics: Mapping[str, MetricValue]
    comment: str
    user_id: str | None
    session_id: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The stored rating; ``is_replay`` says that it was stored before under the same Idempotency-Key."""

    feedback: ResponseFeedback
    is_replay: bool


def record(rater: Rater, rating: Rating, *, idempotency_key: str | None, now: datetime) -> Recorded:
    """Store a rating and link it to its request, in one transaction.

    A request that is still being answered is not linked yet; ``linking.link_pending`` does that once it has ended.
    Another team's request is treated as one that does not exist.

    Raises:
        UnknownRequest: The team has no such request, and ``FEEDBACK_REQUIRE_KNOWN_REQUEST`` is set.
        IdempotencyMismatch: The Idempotency-Key came with another rating before.
    """
    feedback = _unlinked(rater, rating, idempotency_key, now)
    try:
        recorded = _store(rater, rating, feedback, now)
    except DatabaseError:
        telemetry.count("feedback_failures_total")
        raise
    if not recorded.is_replay:
        telemetry.count("feedback_ingested_total")
    return recorded


def _store(rater: Rater, rating: Rating, feedback: ResponseFeedback, now: datetime) -> Recorded:
    with transaction.atomic():
        if (before := _given_before(feedback)) is not None:
            return before
        entry = linking.find_request(rater.team, rating.request_id)
        if entry is None and settings.FEEDBACK_REQUIRE_KNOWN_REQUEST:
            raise UnknownRequest(f"There is no request {rating.request_id!r}: send the x-request-id of an answer.")
        if entry is not None and entry.state != LedgerEntry.State.PENDING:
            linking.copy_request(feedback, entry)
        try:
            with transaction.atomic():
                feedback.save(force_insert=True)
        except IntegrityError:
            # Another process stored the same key in between; what it stored is the answer to both.
            if (winner := _given_before(feedback)) is None:
                raise
            return winner
        if entry is not None and feedback.linked:
            linking.note_linked(feedback, entry, now)
        tallies.mark([feedback.created_at])
    return Recorded(feedback, is_replay=False)


def _unlinked(rater: Rater, rating: Rating, idempotency_key: str | None, now: datetime) -> ResponseFeedback:
    is_by_token = rater.api_key is None
    feedback = ResponseFeedback(
        team=rater.team,
        api_key=rater.api_key,
        source=ResponseFeedback.Source.TOKEN if is_by_token else ResponseFeedback.Source.API_KEY,
        created_at=now,
        linked=False,
        reward=reward.reward(
            quality_score=rating.quality_score,
            is_correct=rating.is_correct,
            is_helpful=rating.is_helpful,
            metrics=rating.metrics,
        ),
        **asdict(rating),
    )
    if idempotency_key is not None:
        # Holders of a token have keys of their own for each request, or one could meet another's.
        scope = f"{rater.team.id}\n{rating.request_id if is_by_token else ''}\n{idempotency_key}"
        feedback.idempotency_hash = encryption.keyed_hash(scope.encode(), purpose="feedback-idempotency-key")
        body = orjson.dumps(asdict(rating), option=orjson.OPT_SORT_KEYS)
        feedback.body_hash = encryption.keyed_hash(body, purpose="feedback-body")
    return feedback


def _given_before(feedback: ResponseFeedback) -> Recorded | None:
    if feedback.idempotency_hash is None:
        return None
    found = ResponseFeedback.objects.filter(team=feedback.team, idempotency_hash=feedback.idempotency_hash).first()
    if found is None:
        return None
    if found.body_hash != feedback.body_hash:
        raise IdempotencyMismatch("This Idempotency-Key came with another rating before. Use a new key for a new one.")
    return Recorded(found, is_replay=True)
