"""Where processes agree on live updates: which scopes are watched, and who takes the next snapshot.

With Redis this is shared by all web processes and workers; without it, each process is the only one that its viewers
could hear of, and keeps a board of its own.
"""

import time
from collections.abc import Iterable
from functools import cache
from typing import Protocol

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

REDIS_SECONDS = 0.25
_WATCHED_KEY = "live:watched"
_SLOT_KEY = "live:slot"
# A slot is given back a little early, so that the one who had it gets it again when its next turn comes on time.
_SLOT_SHARE = 0.9


class BoardUnavailable(Exception):
    """Redis does not answer."""


class Board(Protocol):
    """Every call may be made from any thread; each raises BoardUnavailable where the board is away."""

    def watch(self, scopes: Iterable[str], *, seconds: float) -> None:
        """Say that somebody watches these scopes for so long."""

    def watched(self) -> set[str]:
        """Return the scopes that somebody watches."""

    def take_slot(self, *, seconds: float) -> bool:
        """Take the turn to publish; False when somebody has taken one less than about ``seconds`` ago."""


class LocalBoard:
    """The board of one process."""

    def __init__(self) -> None:
        self._watched: dict[str, float] = {}
        self._slot_ends_at = 0.0

    def watch(self, scopes: Iterable[str], *, seconds: float) -> None:
        self._watched.update(dict.fromkeys(scopes, time.monotonic() + seconds))

    def watched(self) -> set[str]:
        now = time.monotonic()
        self._watched = {scope: ends_at for scope, ends_at in self._watched.items() if ends_at > now}
        return set(self._watched)

    def take_slot(self, *, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._slot_ends_at:
            return False
        self._slot_ends_at = now + seconds * _SLOT_SHARE
        return True


class RedisBoard:
    """The board of all processes. Times are those of the Redis server."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )

    def watch(self, scopes: Iterable[str], *, seconds: float) -> None:
        try:
            ends_at = self._now() + seconds
            self._redis.zadd(_WATCHED_KEY, dict.fromkeys(scopes, ends_at), gt=True)
        except redis.RedisError as error:
            raise BoardUnavailable(type(error).__name__) from error

    def watched(self) -> set[str]:
        try:
            self._redis.zremrangebyscore(_WATCHED_KEY, "-inf", self._now())
            return {str(scope) for scope in self._redis.zrange(_WATCHED_KEY, 0, -1)}
        except redis.RedisError as error:
            raise BoardUnavailable(type(error).__name__) from error

    def take_slot(self, *, seconds: float) -> bool:
        try:
            return bool(self._redis.set(_SLOT_KEY, b"1", nx=True, px=int(seconds * _SLOT_SHARE * 1000)))
        except redis.RedisError as error:
            raise BoardUnavailable(type(error).__name__) from error

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6


@cache
def shared() -> Board:
    """Return this process's way to the board."""
    return RedisBoard(settings.REDIS_URL) if settings.REDIS_URL else LocalBoard()
