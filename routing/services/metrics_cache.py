"""Keeps reports for a few seconds: each is computed once an expiry, however many ask, by all processes together.

They are in Django's cache: in Redis where there is one, else in the process. A Redis that is away costs whoever meets
it first a quarter of a second; from then on this process keeps its reports itself, and asks in a thread of its own
whether Redis is back.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from django.core.cache import BaseCache, caches
from django.core.cache.backends.locmem import LocMemCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

T = TypeVar("T")
SECONDS = 30
PAUSE_SECONDS = 5.0
# Longer than any report takes; whoever claimed one and ended is not waited for any longer.
CLAIM_SECONDS = 15
_LOOK_SECONDS = 0.02
_FLIGHTS = 64
_UNREACHABLE = (RedisError, OSError)
_HITS, _MISSES, _INDEX = "metrics:hits", "metrics:misses", "metrics:index"


@dataclass(frozen=True, slots=True)
class MetricsCacheStats:
    """``entries`` are kept now; hits and misses are counted since the cache was last emptied."""

    entries: int
    hits: int
    misses: int

    @property
    def hit_rate(self) -> Decimal | None:
        """Share of the reports that were given without being computed; None when none was asked for."""
        asked = self.hits + self.misses
        return (Decimal(self.hits) / asked).quantize(Decimal("0.0001")) if asked else None


class MetricsCache:
    """Reports in ``shared``, and in this process's memory while that cannot be reached."""

    def __init__(self, shared: BaseCache) -> None:
        self._shared = shared
        self._own: BaseCache = LocMemCache("metrics", {})
        self._is_away = threading.Event()
        self._flights = [threading.Lock() for _ in range(_FLIGHTS)]

    def get(self, key: str, compute: Callable[[], str], *, seconds: int = SECONDS) -> str:
        """Return what is kept under ``key``, or compute it and keep it for so long; raises whatever computing does."""
        found = self._read(key)
        if found is None:
            # Within the process, only one asks and computes; the others find it when it is their turn.
            with self._flights[hash(key) % _FLIGHTS]:
                found = self._read(key) or self._found_elsewhere(key)
                if found is None:
                    return self._compute(key, compute, seconds)
        self._count(_HITS)
        return found

    def stats(self) -> MetricsCacheStats:
        """Return the figures of all processes, or of this one where there is no Redis."""
        now = time.time()
        return MetricsCacheStats(
            entries=sum(1 for expires_at in self._index().values() if expires_at > now),
            hits=self._ask(lambda cache: cache.get(_HITS)) or 0,
            misses=self._ask(lambda cache: cache.get(_MISSES)) or 0,
        )

    def _found_elsewhere(self, key: str) -> str | None:
        """Wait while another process computes it; return None, and hold the claim, when it is to be computed here."""
        deadline = time.monotonic() + CLAIM_SECONDS
        while not self._ask(lambda cache: cache.add(_claim(key), 1, CLAIM_SECONDS)):
            time.sleep(_LOOK_SECONDS)
            found = self._read(key)
            if found is not None or time.monotonic() > deadline:
                return found
        # It may have been computed and its claim given up since it was last looked for.
        found = self._read(key)
        if found is not None:
            self._ask(lambda cache: cache.delete(_claim(key)))
        return found

    def _compute(self, key: str, compute: Callable[[], str], seconds: int) -> str:
        try:
            computed = compute()
            self._ask(lambda cache: cache.set(key, computed, seconds))
        finally:
            self._ask(lambda cache: cache.delete(_claim(key)))
        now = time.time()
        kept = {name: expires_at for name, expires_at in self._index().items() if expires_at > now}
        # Two processes may overwrite each other's entry here: then one is missing until it is computed again.
        self._ask(lambda cache: cache.set(_INDEX, {**kept, key: now + seconds}, None))
        self._count(_MISSES)
        return computed

    def _read(self, key: str) -> str | None:
        found: str | None = self._ask(lambda cache: cache.get(key))
        return found

    def _index(self) -> dict[str, float]:
        return self._ask(lambda cache: cache.get(_INDEX)) or {}

    def _count(self, name: str) -> None:
        def add(cache: BaseCache) -> None:
            try:
                cache.incr(name)
            except ValueError:
                # Not counted yet. Who adds it at the same moment as another finds it there and counts on.
                cache.add(name, 0, None)
                cache.incr(name)

        self._ask(add)

    def _ask(self, question: Callable[[BaseCache], T]) -> T:
        if not self._is_away.is_set():
            try:
                return question(self._shared)
            except _UNREACHABLE as error:
                self._note_away(error)
        return question(self._own)

    def _note_away(self, error: Exception) -> None:
        if self._is_away.is_set():
            return
        self._is_away.set()
        logger.warning("Reports are kept in this process until Redis is back: %s", type(error).__name__)
        try:
            threading.Thread(target=self._wait_for_return, name="metrics-cache-probe", daemon=True).start()
        except RuntimeError:
            # Memory is too short for a thread, and nobody else would notice that Redis is back.
            self._is_away.clear()

    def _wait_for_return(self) -> None:
        while self._is_away.is_set():
            time.sleep(PAUSE_SECONDS)
            try:
                self._shared.set("metrics:probe", 1, 1)
            except _UNREACHABLE:
                continue
            self._is_away.clear()
            logger.info("Redis is back and keeps the reports again.")


def _claim(key: str) -> str:
    return f"{key}:claim"


# One connection pool for the process. Django's own handle is one for each request under ASGI, each with a pool.
_cache = MetricsCache(caches.create_connection("default"))
get = _cache.get
stats = _cache.stats
