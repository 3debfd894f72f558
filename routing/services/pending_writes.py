"""Operations on the ledger that wait to be committed together, and the requests that wait for them."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

MAX_BATCH = 500


class StoreUnavailable(Exception):
    """The database did not take a write in time; nothing was promised."""


class Write:
    """One submitted operation and the request that waits for it, until ``deadline`` on the loop's clock.

    ``is_unsure`` says that it may have been committed already, because a connection was lost over it.
    """

    __slots__ = ("deadline", "future", "is_abandoned", "is_kept", "is_unsure", "operation")

    def __init__(
        self, operation: Any, future: "asyncio.Future[Any] | None", *, is_kept: bool, deadline: float = 0.0
    ) -> None:
        self.operation = operation
        self.future = future
        self.is_kept = is_kept
        self.deadline = deadline
        self.is_abandoned = False
        self.is_unsure = False


def undoing(operation: Any, *, is_unsure: bool = False) -> Write:
    """Return a write that takes another back; ``is_unsure`` where the server may be at work on that one still."""
    write = Write(operation, None, is_kept=True)
    write.is_unsure = is_unsure
    return write


def doubt(batch: Sequence[Write]) -> None:
    """Note that these may have been committed: the connection was lost over them."""
    for write in batch:
        write.is_unsure = True


def taken(queue: deque[Write]) -> list[Write]:
    """Take a batch of those that somebody still waits for, or that have to be undone if they were committed."""
    batch: list[Write] = []
    while queue and len(batch) < MAX_BATCH:
        write = queue.popleft()
        if write.is_unsure or not write.is_abandoned:
            batch.append(write)
    return batch
