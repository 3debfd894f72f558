"""How the network may cut what is sent: whatever is read must not depend on it."""

import asyncio
import atexit
import random
import zlib
from collections.abc import Coroutine
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

T = TypeVar("T")

# Up to here an input is also read byte by byte; beyond, that would take most of the time.
BYTE_BY_BYTE = 200
MOST_CUTS = 5


def ways(data: bytes) -> list[list[bytes]]:
    """Return the reads by which an input may come, first as a whole; the same input is always cut the same way."""
    rng = random.Random(zlib.crc32(data))
    found = [[data], cut_at(data, [rng.randint(0, len(data)) for _ in range(rng.randint(1, MOST_CUTS))])]
    return [*found, cut_at(data, list(range(len(data))))] if len(data) <= BYTE_BY_BYTE else found


def cut_at(data: bytes, positions: list[int]) -> list[bytes]:
    edges = [0, *sorted(positions), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


def on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run on the one loop of this process: a new one for each input would cost more than most inputs do."""
    return _runner().run(work)


@cache
def _runner() -> asyncio.Runner:
    # A loop that is made so is not the current one of whoever comes later.
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    atexit.register(runner.close)
    return runner
