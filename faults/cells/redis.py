"""B: Redis is refused, frozen, flushed, full and restarted."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator

import redis

from faults.cell import Cell
from faults.evidence import Evidence
from faults.load import Plan
from faults.stack import Stack

_USUAL = Plan(models=("ok", "ok", "slow_chunk"))
_HANGING_UP = Plan(models=("ok", "slow_ok_300"), hang_up_share=0.5, concurrency=40)
_BALLAST = "ballast of a fault"
# Requests do without Redis after its breaker has opened; this is far more than that takes on a busy machine.
_SERVED_WITHIN_SECONDS = 3.0


async def refuse(stack: Stack) -> None:
    await asyncio.to_thread(stack.redis_proxy.refuse)


async def freeze(stack: Stack) -> None:
    stack.redis.process.freeze()


async def thaw(stack: Stack) -> None:
    stack.redis.process.thaw()


async def restart(stack: Stack) -> None:
    await asyncio.to_thread(stack.redis.process.kill)
    await asyncio.to_thread(stack.redis.start)


async def flush_and_spoil(stack: Stack) -> None:
    """Empty it, and give every key that comes back a value of another type or of nonsense."""

    def spoil() -> None:
        client = stack.redis.client
        client.flushall()
        for key in client.scan_iter():
            client.delete(key)
            client.set(key, b"\xff\x00nonsense")

    for _ in range(8):
        await asyncio.to_thread(spoil)
        await asyncio.sleep(0.5)


async def slow(stack: Stack) -> None:
    stack.redis_proxy.slow(0.05)


async def heal(stack: Stack) -> None:
    await asyncio.to_thread(stack.redis_proxy.heal)


async def fill_memory(stack: Stack) -> None:
    """Take all memory that it may use, in blocks, then what is left between them; somebody must be refused then."""

    def fill() -> int:
        for size in (16_384, 16):
            with contextlib.suppress(redis.exceptions.OutOfMemoryError):
                for number in itertools.count():
                    stack.redis.client.set(f"{_BALLAST} {size} {number}", b"x" * size)
        return errors()

    def errors() -> int:
        return int(stack.redis.client.info("stats")["total_error_replies"])

    before = await asyncio.to_thread(fill)
    await asyncio.sleep(1.0)
    if await asyncio.to_thread(errors) <= before:
        stack.problems.append("Redis refused nobody for want of memory")


async def free_memory(stack: Stack) -> None:
    def free() -> None:
        client = stack.redis.client
        client.delete(*client.scan_iter(f"{_BALLAST} *", count=1000))

    await asyncio.to_thread(free)


async def nothing_more(_stack: Stack) -> None:
    """The fault ends by itself."""


def served_all_along(found: Evidence) -> Iterator[str]:
    """Redis away is no reason to refuse, and adds little time."""
    refused = [seen.told for seen in found.seen if not seen.is_whole]
    if refused:
        yield f"{len(refused)} of {len(found.seen)} requests were not answered: {refused[:3]}"
    quick = [seen for seen in found.seen if seen.model == "ok"]
    late = [f"{seen.seconds:.1f} s" for seen in quick if seen.seconds > _SERVED_WITHIN_SECONDS]
    if late:
        yield f"{len(late)} answers took longer than {_SERVED_WITHIN_SECONDS:g} s: {late[:3]}"


def no_answer_crossed(found: Evidence) -> Iterator[str]:
    """An answer of Redis that nobody waited for is not taken for the next one's: requests go on to be served."""
    refused = [seen.told for seen in found.seen if not seen.is_whole and not seen.has_hung_up]
    if refused:
        yield f"{len(refused)} of {len(found.seen)} requests were not answered: {refused[:3]}"


CELLS = (
    Cell("B1", "Redis refuses connections", _USUAL, refuse, heal, (served_all_along,), has_workers=True),
    Cell("B4", "Redis slow, its callers hang up", _HANGING_UP, slow, heal, (no_answer_crossed,)),
    Cell("B2", "Redis frozen", _USUAL, freeze, thaw, (served_all_along,)),
    Cell("B3a", "Redis killed and empty", _USUAL, restart, nothing_more, (served_all_along,)),
    Cell("B3b", "Redis flushed and spoiled", _USUAL, flush_and_spoil, nothing_more, (served_all_along,)),
    Cell(
        "B3c",
        "Redis out of memory",
        _USUAL,
        fill_memory,
        free_memory,
        (served_all_along,),
        redis_options=("--maxmemory", "2mb", "--maxmemory-policy", "noeviction"),
    ),
)
