"""The rated decisions of a scope, newest first, each with what the ledger kept of it.

Counted are the ratings that learning may count (``feedback.selectors.votes``), but limited otherwise: at most 5
requests of one person and pattern in an ISO week, UTC, and 50 without a person of one key in a day, the newest. The
limit by model that holds elsewhere would keep more of what is chosen rarely than of what is chosen often, and so give
the log other odds than those that were written down. Left out are

- answers from the cache: no model was chosen for them;
- requests that named a model or the complexity strategy, or that a rule of the team decided: no policy decides those;
- requests whose cost is not known, or whose options are no longer told.

A request that another model than the chosen one answered stays in, as a choice of the one chosen (intention to treat):
leaving it out would make a model that fails often look like one that never does.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from accounts.models import Team
from feedback.domain import vote_limits
from feedback.models import ResponseFeedback
from feedback.selectors import votes
from learning.domain.logged_decision import LoggedDecision, LoggedOption
from routing.domain import team_rules, upgrades
from routing.domain.policy import Forecast
from routing.domain.prompt import PromptFeatures
from routing.models import LedgerEntry
from routing.services import embeddings

CHUNK = 500
# Of one scoring: some 100 MB and ten seconds of one core, and a policy is judged by what is newest.
MAX_DECISIONS = 50_000
# What a policy decides, by the name the caller used, and the strategy that name asks for.
DECIDED_BY_POLICY = {"auto": "", "auto:learning": "learning", "auto:hybrid": "hybrid"}


@dataclass(frozen=True, slots=True)
class _Rating:
    """The ratings of one request together."""

    request_id: UUID
    reward: float
    user_id: str | None


class _Limits:
    """Counts the requests of each person, of one week after the other; what it holds is of one week."""

    def __init__(self) -> None:
        self._week: tuple[int, int] | None = None
        self._counts: Counter[Hashable] = Counter()

    def has_room(self, row: Mapping[str, Any]) -> bool:
        """Count a request, and say whether it is among the first of its person; newest requests come first."""
        at: datetime = row["requested_at"].astimezone(UTC)
        week = at.isocalendar()[:2]
        if week != self._week:
            self._week = week
            self._counts.clear()
        key: Hashable
        if row["user_id"] is not None:
            key, limit = (row["team_id"], row["user_id"], row["pattern"]), vote_limits.VOTES_PER_USER_GROUP_AND_WEEK
        else:
            key, limit = (row["team_id"], row["api_key_id"], at.date()), vote_limits.UNNAMED_VOTES_PER_KEY_AND_DAY
        self._counts[key] += 1
        return self._counts[key] <= limit


def stream(*, team: Team | None, since: datetime, until: datetime) -> Iterator[LoggedDecision]:
    """Yield the rated decisions of a scope in [``since``, ``until``), newest first, at most ``MAX_DECISIONS``.

    Three queries for each ``CHUNK`` requests; memory does not grow with their number.

    Args:
        team: Whose decisions; None for those of all teams that learn together.
    """
    found = 0
    for chunk in _chunks(_ratings(votes.latest(team=team, since=since, until=until))):
        for decision in _decisions(chunk):
            yield decision
            found += 1
            if found == MAX_DECISIONS:
                return


def _ratings(counted: QuerySet[ResponseFeedback]) -> Iterator[_Rating]:
    rows = (
        counted.filter(is_cache_hit=False)
        .order_by("-requested_at", "ledger_request_id", "id")
        .values("ledger_request_id", "requested_at", "team_id", "api_key_id", "user_id", "pattern", "reward")
        .iterator(chunk_size=CHUNK)
    )
    limits = _Limits()
    for request_id, group in groupby(rows, key=itemgetter("ledger_request_id")):
        ratings = [row for row in group if limits.has_room(row)]
        if ratings:
            user = next((row["user_id"] for row in ratings if row["user_id"] is not None), None)
            yield _Rating(request_id, sum(row["reward"] for row in ratings) / len(ratings), user)


def _chunks(ratings: Iterator[_Rating]) -> Iterator[list[_Rating]]:
    chunk: list[_Rating] = []
    for rating in ratings:
        chunk.append(rating)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _decisions(ratings: Sequence[_Rating]) -> Iterator[LoggedDecision]:
    ids = [rating.request_id for rating in ratings]
    rows = LedgerEntry.objects.filter(
        request_id__in=ids, requested_model__in=DECIDED_BY_POLICY, cost_nano_usd__isnull=False, is_cache_hit=False
    )
    rows = rows.exclude(strategy__in=(team_rules.STRATEGY, upgrades.STRATEGY)).select_related("team")
    entries = {row.request_id: row for row in rows}
    vectors = embeddings.vectors(entries)
    for rating in ratings:
        entry = entries.get(rating.request_id)
        decision = None if entry is None else _decision(entry, rating, vectors)
        if decision is not None:
            yield decision


def _decision(entry: LedgerEntry, rating: _Rating, vectors: Mapping[UUID, np.ndarray]) -> LoggedDecision | None:
    options = _options(entry.candidates)
    chosen = _chosen(entry)
    if options is None or entry.cost_nano_usd is None or chosen not in {option.full_name for option in options}:
        return None
    user, is_named = _user(entry, rating)
    return LoggedDecision(
        request_id=entry.request_id,
        user=user,
        is_named_user=is_named,
        strategy=DECIDED_BY_POLICY[entry.requested_model],
        policy_version=entry.policy_version,
        features=_features(entry),
        options=options,
        chosen=chosen,
        propensity=entry.propensity,
        reward=rating.reward,
        cost_nano_usd=entry.cost_nano_usd,
        team_min_quality=entry.team.min_quality,
        vector=vectors.get(entry.request_id),
    )


def _chosen(entry: LedgerEntry) -> str:
    """Return the model that was decided on: the one that was asked first."""
    if entry.attempts:
        return f"{entry.attempts[0]['provider']}/{entry.attempts[0]['model']}"
    return f"{entry.provider}/{entry.served_model}"


def _user(entry: LedgerEntry, rating: _Rating) -> tuple[str, bool]:
    """Return whose answers may resemble this one, and whether that is a person: the session or the request if not."""
    person = entry.user_id if entry.user_id is not None else rating.user_id
    if person is not None:
        return f"{entry.team_id}:user:{person}", True
    if entry.session_id is not None:
        return f"{entry.team_id}:session:{entry.session_id}", False
    return f"{entry.team_id}:request:{entry.request_id}", False


def _features(entry: LedgerEntry) -> PromptFeatures:
    return PromptFeatures(
        pattern=entry.pattern,
        complexity_score=entry.complexity_score,
        tier=entry.complexity_tier,
        input_tokens=entry.input_tokens or 0,
        max_output_tokens=entry.max_tokens,
        task=entry.task,
        needs_tools=False,
        needs_images=False,
        needs_json=False,
    )


def _options(documents: Sequence[Mapping[str, Any]]) -> tuple[LoggedOption, ...] | None:
    """Return the models considered; None where one was without a price, for then no policy's cost can be told."""
    options = []
    for document in documents:
        if document["expected_cost_usd"] is None:
            return None
        lower = document.get("quality_lower")
        options.append(
            LoggedOption(
                full_name=document["model"],
                tier=document["tier"],
                expected_cost_usd=Decimal(document["expected_cost_usd"]),
                forecast=None if lower is None else Forecast(document["expected_quality"], lower),
                expected_output_tokens=document.get("expected_output_tokens"),
            )
        )
    return tuple(options)
