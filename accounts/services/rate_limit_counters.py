"""Shared counters of requests in the current UTC minute: in Redis, and in the database where there is none.

Both add many keys at once in one step and go by the server's clock, so that processes with other clocks agree.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import DatabaseError, InterfaceError, connection
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from accounts.services.bounded_wait import Threads

WINDOW_SECONDS = 60
REDIS_SECONDS = 0.25
DATABASE_SECONDS = 2.0


class CountersUnavailable(Exception):
    """The counters' server does not answer in time, or not as it should."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Requests of each key in this window, those just added included, and whole seconds (1..60) until it ends."""

    by_key: Mapping[int, int]
    seconds_left: int


class Counters(Protocol):
    """A shared store of request counts."""

    async def add(self, counts: Mapping[int, int]) -> Totals:
        """Add to each key's count of the current minute; raises CountersUnavailable."""

    async def aclose(self) -> None:
        """Give up the connections."""


class RedisCounters:
    """Counts in Redis with one script call; its connections belong to the running event loop."""

    _SCRIPT = """
        local now = tonumber(redis.call('TIME')[1])
        local window = now - now % 60
        local totals = {window + 60 - now}
        for index, prefix in ipairs(KEYS) do
            local key = prefix .. window
            totals[index + 1] = redis.call('INCRBY', key, ARGV[index])
            redis.call('EXPIRE', key, 120)
        end
        return totals
    """

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(self._SCRIPT)

    async def add(self, counts: Mapping[int, int]) -> Totals:
        # The braces keep all keys on one node of a cluster, which a script needs.
        prefixes = [f"{{rate}}:{key}:" for key in counts]
        seconds_left, *totals = await self._answer(self._script(keys=prefixes, args=list(counts.values())))
        return Totals(dict(zip(counts, totals, strict=True)), seconds_left)

    async def ping(self) -> None:
        """Raise CountersUnavailable unless Redis takes writes again."""
        await self.add({0: 0})

    async def aclose(self) -> None:
        await self._redis.aclose()

    @staticmethod
    async def _answer(reply: Any) -> list[int]:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                answer: list[int] = await reply
        except (RedisError, OSError, TimeoutError) as error:
            raise CountersUnavailable(f"Redis: {type(error).__name__}") from error
        return answer


# Rows are written in the order of the keys, so that two processes never wait for each other in a circle.
_SQL = {
    "postgresql": """
        INSERT INTO accounts_ratelimitwindow AS kept (api_key_id, window_start, request_count)
        SELECT added.key::bigint, clock.now - clock.now %% 60, added.value::integer
        FROM jsonb_each_text(%s::jsonb) AS added,
             (SELECT floor(extract(epoch FROM now()))::bigint AS now) AS clock
        ORDER BY 1
        ON CONFLICT (api_key_id, window_start)
        DO UPDATE SET request_count = kept.request_count + excluded.request_count
        RETURNING api_key_id, request_count, window_start + 60 - floor(extract(epoch FROM now()))::bigint
    """,
    "sqlite": """
        INSERT INTO accounts_ratelimitwindow AS kept (api_key_id, window_start, request_count)
        SELECT CAST(added.key AS INTEGER), clock.now - clock.now %% 60, added.value
        FROM json_each(%s) AS added, (SELECT CAST(strftime('%%s', 'now') AS INTEGER) AS now) AS clock
        WHERE true
        ON CONFLICT (api_key_id, window_start)
        DO UPDATE SET request_count = kept.request_count + excluded.request_count
        RETURNING api_key_id, request_count, window_start + 60 - CAST(strftime('%%s', 'now') AS INTEGER)
    """,
}


def add_in_database(counts: Mapping[int, int]) -> Totals:
    """Add to each key's count of the current minute on this thread's own connection; raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL[connection.vendor], [json.dumps(dict(counts))])
        rows = cursor.fetchall()
    return Totals({key: total for key, total, _ in rows}, max(1, min(left for _, _, left in rows)))


class DatabaseCounters:
    """Counts in ``RateLimitWindow`` from one thread with a lasting connection of its own."""

    def __init__(self) -> None:
        self._thread = Threads(1, "rate-limits")

    async def add(self, counts: Mapping[int, int]) -> Totals:
        try:
            return await self._thread.ask(DATABASE_SECONDS, add_in_database, dict(counts))
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            raise CountersUnavailable(f"Database: {type(error).__name__}") from error

    async def aclose(self) -> None:
        with suppress(TimeoutError):
            await self._thread.ask(DATABASE_SECONDS, self._close)
        self._thread.close()

    @staticmethod
    def _close() -> None:
        # `connection` means another one in every thread, so it must be looked up in the thread that used it.
        connection.close()
