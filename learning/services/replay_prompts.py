"""The prompts of a team that can be replayed: those it asked to keep, once each, from real traffic."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from accounts.models import Team
from accounts.services import encryption
from learning.domain import replay, stratified_sample
from learning.domain.outcome_rows import MAX_PROMPT_CHARACTERS
from routing.models import LedgerEntry, StoredPrompt
from routing.services import answer_copies

# Marks the ledger's rows of calibrations, as their session.
LABEL_PREFIX = "optimizer-calibration-"
# The newest requests that a sample is drawn from.
NEWEST = 20_000


@dataclass(frozen=True, slots=True)
class ReplayPrompt:
    """A kept conversation; ``text`` is its last message of the user."""

    request_id: str
    task: str | None
    messages: Sequence[Any]
    text: str


@dataclass(frozen=True, slots=True)
class _Kept:
    request_id: UUID
    pattern: str
    task: str | None


def choose(
    team: Team, *, size: int, now: datetime, seed: int, is_wanted: Callable[[ReplayPrompt], bool]
) -> list[ReplayPrompt]:
    """Draw a sample, stratified by pattern, of the team's kept prompts; fewer where there are fewer.

    Equal prompts count once, calibrations' own requests not at all. The same seed gives the same sample of the same
    prompts.
    """
    strata: dict[str, list[_Kept]] = defaultdict(list)
    for kept in _newest(team, now):
        strata[kept.pattern].append(kept)
    quotas = stratified_sample.allocate({name: len(rows) for name, rows in strata.items()}, size)
    rng = np.random.default_rng(seed)
    chosen: list[ReplayPrompt] = []
    seen: set[str] = set()
    for pattern in sorted(strata):
        rows = [strata[pattern][position] for position in rng.permutation(len(strata[pattern]))]
        chosen += _take(rows, quotas[pattern], seen, is_wanted)
    return chosen


def read(request_ids: Sequence[str], now: datetime) -> Iterator[ReplayPrompt]:
    """Yield those of the prompts that are still kept and readable, in the order given, some at a time."""
    for start in range(0, len(request_ids), 50):
        some = [UUID(request_id) for request_id in request_ids[start : start + 50]]
        tasks = dict(LedgerEntry.objects.filter(request_id__in=some).values_list("request_id", "task"))
        rows = StoredPrompt.objects.filter(expires_at__gt=now).in_bulk(some)
        for request_id in some:
            prompt = _opened(rows[request_id], tasks.get(request_id)) if request_id in rows else None
            if prompt is not None:
                yield prompt


def kept_count(team: Team, now: datetime) -> int:
    """Return how many prompts of the team are kept, replayable or not."""
    return StoredPrompt.objects.filter(team=team, expires_at__gt=now).count()


def _newest(team: Team, now: datetime) -> Iterator[_Kept]:
    stored = StoredPrompt.objects.filter(team=team, expires_at__gt=now)
    rows = (
        LedgerEntry.objects.filter(
            team=team, request_id__in=stored.values("request_id"), state=LedgerEntry.State.SETTLED, is_cache_hit=False
        )
        .exclude(session_id__startswith=LABEL_PREFIX)
        .order_by("-created_at")
    )
    seen: set[str] = set()
    columns = ("request_id", "pattern", "task", "prompt_fingerprint")
    for request_id, pattern, task, fingerprint in rows.values_list(*columns)[:NEWEST]:
        if fingerprint not in seen:
            seen.add(fingerprint)
            yield _Kept(request_id, pattern, task)


def _take(
    rows: Sequence[_Kept], quota: int, seen: set[str], is_wanted: Callable[[ReplayPrompt], bool]
) -> list[ReplayPrompt]:
    taken: list[ReplayPrompt] = []
    for start in range(0, len(rows), 50):
        some = rows[start : start + 50]
        bodies: Mapping[UUID, StoredPrompt] = StoredPrompt.objects.in_bulk([row.request_id for row in some])
        for row in some:
            if len(taken) == quota:
                return taken
            prompt = _opened(bodies[row.request_id], row.task) if row.request_id in bodies else None
            if prompt is not None and prompt.text not in seen and is_wanted(prompt):
                seen.add(prompt.text)
                taken.append(prompt)
    return taken


def _opened(stored: StoredPrompt, task: str | None) -> ReplayPrompt | None:
    try:
        messages = answer_copies.stored_messages(stored)
    except encryption.CannotDecrypt:
        return None
    text = replay.replayable_text(messages, max_characters=MAX_PROMPT_CHARACTERS)
    return None if text is None else ReplayPrompt(str(stored.request_id), task, messages, text)
