"""Ratings that clients send while the product is harmed, and what must have become of each."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp

PATH = "/feedback"
_USERS = ("ann", "bob", "eve")
# After these a rating may be stored: where the connection to the database is lost in a commit, nobody knows what became
# of it, so the answer is 503, and the same again under its key is stored once.
_PERHAPS_STORED = {200, 503, None}


@dataclass(frozen=True, slots=True)
class Rated:
    """One rating and its answer; a ``status`` of None is a connection that was refused or cut.

    ``key`` is its Idempotency-Key, and is stored with it as its session, by which it is found again.
    """

    team_id: int
    request_id: str
    key: str
    user_id: str
    stars: int
    seconds: float
    status: int | None
    answer: dict[str, Any] = field(default_factory=dict)
    is_replay: bool = False

    @property
    def feedback_id(self) -> int | None:
        return self.answer.get("feedback_id")


async def rate(
    session: aiohttp.ClientSession,
    base_url: str,
    secret: str,
    *,
    team_id: int,
    request_id: str,
    key: str,
    user_id: str = "bob",
    stars: int = 5,
) -> Rated:
    """Rate a request once; never raises."""
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
    body = {"request_id": request_id, "quality_score": stars, "is_correct": stars > 2}
    body |= {"user_id": user_id, "session_id": key}
    began_at = time.monotonic()
    status, answer, is_replay = None, {}, False
    try:
        async with session.post(base_url + PATH, json=body, headers=headers) as response:
            answer = await response.json(content_type=None)
            status, is_replay = response.status, "x-optimizer-idempotent-replay" in response.headers
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        # Not known to the client: it may be stored or not.
        status = None
    took = time.monotonic() - began_at
    return Rated(team_id, request_id, key, user_id, stars, took, status, answer or {}, is_replay)


async def rate_some(
    session: aiohttp.ClientSession,
    base_urls: Sequence[str],
    asked: tuple[int, str, str],
    stranger: tuple[int, str],
    rng: random.Random,
) -> list[Rated]:
    """Rate an answer as people do: once, again with other stars, twice under one key, or another team's.

    Args:
        asked: The team whose request it is, its key, and the request's id.
        stranger: Another team, or the same, and its key.
    """
    team_id, secret, request_id = asked
    user, key = rng.choice(_USERS), str(UUID(int=rng.getrandbits(128)))
    given: dict[str, Any] = {"request_id": request_id, "key": key, "user_id": user, "stars": rng.randint(1, 5)}
    found = [await rate(session, rng.choice(base_urls), secret, team_id=team_id, **given)]
    chance = rng.random()
    if chance < 0.3:
        found.append(await rate(session, rng.choice(base_urls), secret, team_id=team_id, **given))
    elif chance < 0.6:
        changed = {**given, "key": f"{key}-2", "stars": rng.randint(1, 5)}
        found.append(await rate(session, rng.choice(base_urls), secret, team_id=team_id, **changed))
    elif chance < 0.8:
        foreign = {**given, "key": f"{key}-3"}
        found.append(await rate(session, rng.choice(base_urls), stranger[1], team_id=stranger[0], **foreign))
    return found


def problems(ratings: Sequence[Rated], stored: Sequence[dict[str, Any]], counted: frozenset[int]) -> Iterator[str]:
    """Hold what clients were told against what is stored, and both against what is learned from.

    Args:
        stored: Rows of ratings; ``asked_by`` is the team of the request that a row is linked to, None of one that is
            gone.
        counted: Ids of the rows that learning draws from.
    """
    yield from _stored_as_told(ratings, Counter((row["team_id"], row["session_id"]) for row in stored))
    foreign = [row["id"] for row in stored if row["linked"] and row["asked_by"] not in (None, row["team_id"])]
    if foreign:
        yield f"{len(foreign)} ratings are linked to another team's request: {foreign[:3]}"
    latest: dict[tuple[Any, Any], tuple[Any, int]] = {}
    for row in stored:
        if row["linked"] and row["served_model"] is not None and row["experiment_id"] is None:
            person = (row["ledger_request_id"], row["user_id"])
            latest[person] = max(latest.get(person, (row["created_at"], row["id"])), (row["created_at"], row["id"]))
    expected = {row_id for _, row_id in latest.values()}
    if counted != expected:
        yield f"learned from: {len(counted - expected)} ratings too many, {len(expected - counted)} too few"


def _stored_as_told(ratings: Sequence[Rated], copies: Counter[tuple[int, str]]) -> Iterator[str]:
    told: dict[tuple[int, str], set[int | None]] = {}
    ids: dict[tuple[int, str], set[int | None]] = {}
    for rated in ratings:
        told.setdefault((rated.team_id, rated.key), set()).add(rated.status)
        if rated.status == 200:
            ids.setdefault((rated.team_id, rated.key), set()).add(rated.feedback_id)
    lost = [key for (team, key), answers in told.items() if 200 in answers and not copies[team, key]]
    twice = [key for (team, key) in told if copies[team, key] > 1 or len(ids.get((team, key), ())) > 1]
    kept = [
        f"{key} ({min(status for status in answers if status)})"
        for (team, key), answers in told.items()
        if not answers & _PERHAPS_STORED and copies[team, key]
    ]
    for what, cases in (("is not stored", lost), ("is stored twice", twice), ("was refused and is stored", kept)):
        if cases:
            yield f"{len(cases)} x rating {what}: {', '.join(cases[:3])}"
