"""A deadline for each block of a stream, at the price of one timer for the whole of it."""

import asyncio
import math
from collections.abc import Awaitable


class WriteWatch:
    """Gives up a write that takes longer than ``seconds``.

    The timer looks at the deadline only when it fires, and usually finds that no write is waiting. Made and closed in
    the task that writes.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._due_at = math.inf
        self._has_expired = False
        self._cancelled_before = 0
        self._timer = self._loop.call_later(seconds, self._check)

    async def within(self, write: Awaitable[None]) -> None:
        """Raises TimeoutError when the write was not over in time."""
        self._due_at = self._loop.time() + self._seconds
        try:
            await write
        except asyncio.CancelledError:
            # Somebody else may have wanted the end of this task as well; that goes first.
            if not self._has_expired or self._task is None or self._task.uncancel() > self._cancelled_before:
                raise
            raise TimeoutError("nothing was taken in time") from None
        finally:
            self._due_at = math.inf

    def close(self) -> None:
        self._timer.cancel()

    def _check(self) -> None:
        now = self._loop.time()
        if now < self._due_at:
            self._timer = self._loop.call_at(min(self._due_at, now + self._seconds), self._check)
        elif self._task is not None:
            self._has_expired = True
            self._cancelled_before = self._task.cancelling()
            self._task.cancel()
