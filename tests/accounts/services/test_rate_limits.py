import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from django.db import connection
from redis import Redis

from accounts.models import RateLimitWindow
from accounts.services import rate_limits
from accounts.services.rate_limit_counters import CountersUnavailable, DatabaseCounters
from accounts.services.rate_limits import RateDecision, RateLimiter
from tests.services import free_port, start_redis

KEY = 41


@contextlib.asynccontextmanager
async def limiter(redis_url: str = "") -> AsyncIterator[RateLimiter]:
    made = RateLimiter(redis_url)
    try:
        yield made
    finally:
        await made.aclose()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    Redis.from_url(redis_server).flushall()
    return redis_server


@pytest.fixture
def whole_minute() -> None:
    """Start where the minute does not end within the test: the stores count by their own clocks."""
    left = 60 - time.time() % 60
    time.sleep(left + 0.05 if left < 8 else 0)


async def admitted(limiters: list[RateLimiter], requests: int, limit: int) -> int:
    decisions = await asyncio.gather(
        *(limiters[number % len(limiters)].admit(KEY, limit) for number in range(requests))
    )
    return sum(decision.allowed for decision in decisions)


@pytest.mark.usefixtures("whole_minute")
async def test_redis_admits_exactly_the_limit_and_says_what_remains_and_when_to_retry(redis_url: str) -> None:
    async with limiter(redis_url) as one:
        decisions = [await one.admit(KEY, 3) for _ in range(4)]
        other = await one.admit(KEY + 1, 3)

    assert [(decision.allowed, decision.remaining) for decision in decisions] == [
        (True, 2),
        (True, 1),
        (True, 0),
        (False, 0),
    ]
    assert 1 <= decisions[3].retry_after_seconds <= 60
    assert abs(decisions[3].retry_after_seconds - (60 - time.time() % 60)) < 2
    assert (other.allowed, other.limit, other.remaining) == (True, 3, 2)


@pytest.mark.usefixtures("whole_minute")
async def test_several_processes_share_one_count_in_redis(redis_url: str) -> None:
    async with limiter(redis_url) as first, limiter(redis_url) as second, limiter(redis_url) as third:
        assert await admitted([first, second, third], 300, 100) == 100
        assert await admitted([first, second, third], 30, 100) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("whole_minute")
async def test_several_processes_share_one_count_in_the_database() -> None:
    async with limiter() as first, limiter() as second, limiter() as third:
        assert await admitted([first, second, third], 300, 100) == 100
        assert await admitted([first, second, third], 30, 100) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("whole_minute")
async def test_the_database_says_what_remains_and_when_to_retry() -> None:
    async with limiter() as one:
        decisions = await asyncio.gather(*(one.admit(KEY, 2) for _ in range(3)))

    assert [(decision.allowed, decision.remaining) for decision in decisions] == [(True, 1), (True, 0), (False, 0)]
    assert abs(decisions[2].retry_after_seconds - (60 - time.time() % 60)) < 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("whole_minute")
async def test_keys_are_counted_apart_within_one_question() -> None:
    counters = DatabaseCounters()
    await counters.add({7: 2, 9: 5})
    totals = await counters.add({5: 1, 7: 3, 9: 1})
    await counters.aclose()

    assert totals.by_key == {5: 1, 7: 5, 9: 6}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("whole_minute")
async def test_a_redis_that_refuses_connections_is_replaced_by_the_database() -> None:
    async with limiter(f"redis://127.0.0.1:{free_port()}/0") as one:
        assert await admitted([one], 20, 12) == 12


@pytest.fixture
def frozen_redis(redis_server: str) -> Iterator[str]:
    pid = Redis.from_url(redis_server).info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    yield redis_server
    os.kill(pid, signal.SIGCONT)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("whole_minute")
async def test_a_frozen_redis_delays_one_question_by_its_deadline_and_the_next_not_at_all(frozen_redis: str) -> None:
    async with limiter(frozen_redis) as one:
        started = time.monotonic()
        assert await admitted([one], 20, 12) == 12
        first = time.monotonic() - started
        assert await admitted([one], 20, 12) == 0
        second = time.monotonic() - started - first

    assert 0.25 <= first < 1
    assert second < 0.2


@pytest.mark.django_db(transaction=True)
async def test_redis_counts_again_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "REDIS_PAUSE_SECONDS", 0.05)
    port = free_port()
    async with limiter(f"redis://127.0.0.1:{port}/0") as one:
        await one.admit(KEY, 5)
        with start_redis(port=port) as url:
            await asyncio.sleep(0.5)
            await one.admit(KEY, 5)
            counted = Redis.from_url(url).keys(f"*:{KEY}:*")
    assert len(counted) == 1


@pytest.mark.usefixtures("whole_minute")
async def test_a_wrong_value_in_redis_is_replaced_by_the_database_not_an_error(
    redis_url: str, transactional_db: None
) -> None:
    window = int(time.time()) // 60 * 60
    Redis.from_url(redis_url).set(f"{{rate}}:{KEY}:{window}", "not a number")

    async with limiter(redis_url) as one:
        assert await admitted([one], 5, 3) == 3


async def test_requests_that_are_given_up_mix_nothing_up(redis_url: str, transactional_db: None) -> None:
    rng = random.Random(4)
    async with limiter(redis_url) as one:

        async def ask(key: int) -> tuple[int, RateDecision]:
            async with asyncio.timeout(rng.choice([0, 0.0005, 5])):
                return key, await one.admit(key, key)

        answers = await asyncio.gather(*(ask(1000 + number % 50) for number in range(3000)), return_exceptions=True)

    kept = [answer for answer in answers if isinstance(answer, tuple)]
    assert {type(answer) for answer in answers} == {tuple, TimeoutError}
    assert all(decision.limit == key for key, decision in kept)


@pytest.fixture
def no_table(transactional_db: None) -> Iterator[None]:
    with connection.schema_editor() as editor:
        editor.delete_model(RateLimitWindow)
    yield
    with connection.schema_editor() as editor:
        editor.create_model(RateLimitWindow)


@pytest.mark.usefixtures("no_table")
async def test_no_store_that_can_count_is_an_error_of_ours_for_every_request_waiting() -> None:
    async with limiter() as one:
        answers = await asyncio.gather(*(one.admit(KEY, 5) for _ in range(3)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [CountersUnavailable] * 3


async def test_closing_gives_up_the_requests_that_wait(frozen_redis: str) -> None:
    async with limiter(frozen_redis) as one:
        waiting = asyncio.create_task(one.admit(KEY, 5))
        await asyncio.sleep(0.05)

    with pytest.raises(asyncio.CancelledError):
        await waiting
