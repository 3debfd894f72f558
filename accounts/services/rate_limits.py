"""Requests a key may make in a UTC minute, exact over all processes.

Requests that arrive while the store is being asked are counted together with the next question, so the store is asked
once a round trip and not once a request. Counts go on where Redis is away: then the database holds them, from zero, so
that a key may get up to twice its limit in the one minute in which the store changes.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.services.rate_limit_counters import CountersUnavailable, DatabaseCounters, RedisCounters, Totals

__all__ = ["CountersUnavailable", "RateDecision", "RateLimiter"]

logger = logging.getLogger(__name__)

REDIS_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RateDecision:
    """Whether a request is within its key's limit.

    ``remaining`` are the requests left in this minute; ``retry_after_seconds`` is the time to its end, 1 to 60.
    """

    allowed: bool
    limit: int
    remaining: int
    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    api_key_id: int
    limit: int
    decision: "asyncio.Future[RateDecision]"


class RateLimiter:
    """Counts requests in Redis, and in the database where ``redis_url`` is empty or Redis is away.

    One for each event loop; the first request opens the connections.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._redis: RedisCounters | None = None
        self._database: DatabaseCounters | None = None
        self._redis_is_away = False
        self._waiting: list[_Waiting] = []
        self._asking: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None

    async def admit(self, api_key_id: int, limit_per_minute: int) -> RateDecision:
        """Count one request of the key and say whether it is within the limit.

        Raises:
            CountersUnavailable: Neither Redis nor the database answers.
        """
        waiting = _Waiting(api_key_id, limit_per_minute, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await waiting.decision

    async def aclose(self) -> None:
        """End the connections; requests still waiting are cancelled."""
        for task in (self._asking, self._probing):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        for counters in (self._redis, self._database):
            if counters is not None:
                await counters.aclose()

    async def _ask(self) -> None:
        batch: list[_Waiting] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._decide(batch)
        finally:
            self._asking = None
            for waiting in (*batch, *self._waiting):
                waiting.decision.cancel()

    async def _decide(self, batch: Sequence[_Waiting]) -> None:
        counts = Counter(waiting.api_key_id for waiting in batch)
        try:
            totals = await self._add(dict(sorted(counts.items())))
        except Exception as error:
            for waiting in batch:
                if not waiting.decision.done():
                    waiting.decision.set_exception(error)
            return
        # The store gave this batch the places up to its total; they are handed out in order of arrival.
        places = {key: totals.by_key[key] - count for key, count in counts.items()}
        for waiting in batch:
            places[waiting.api_key_id] += 1
            if not waiting.decision.done():
                place = places[waiting.api_key_id]
                waiting.decision.set_result(_decision(place, waiting.limit, totals.seconds_left))

    async def _add(self, counts: dict[int, int]) -> Totals:
        if self._redis_url and not self._redis_is_away:
            if self._redis is None:
                self._redis = RedisCounters(self._redis_url)
            try:
                return await self._redis.add(counts)
            except CountersUnavailable as error:
                logger.warning("Rate limits are counted in the database until Redis is back: %s", error)
                self._redis_is_away = True
                self._probing = asyncio.create_task(self._wait_for(self._redis))
        if self._database is None:
            self._database = DatabaseCounters()
        return await self._database.add(counts)

    async def _wait_for(self, redis: RedisCounters) -> None:
        # Apart from the requests, so that none of them waits for a Redis that is still away.
        while self._redis_is_away:
            await asyncio.sleep(REDIS_PAUSE_SECONDS)
            try:
                await redis.ping()
            except CountersUnavailable:
                continue
            self._redis_is_away = False
            logger.info("Redis is back and counts rate limits again.")


def _decision(place: int, limit: int, seconds_left: int) -> RateDecision:
    return RateDecision(
        allowed=place <= limit,
        limit=limit,
        remaining=max(0, limit - place),
        retry_after_seconds=seconds_left,
    )
