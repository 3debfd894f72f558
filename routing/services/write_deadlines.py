"""Lets requests go whose write has not been committed in time: one timer for all of them, while anybody waits."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from routing.services.pending_writes import StoreUnavailable, Write

logger = logging.getLogger(__name__)

# How exactly deadlines are kept.
WATCH_SECONDS = 0.1


class WriteDeadlines:
    """Watches the writes of one event loop that somebody waits for.

    A late write that must not be lost is given to ``put_aside``, which lets its request go once it is safe; whoever
    waits for another gets StoreUnavailable. ``look_after`` is called every ``WATCH_SECONDS`` and says whether there is
    more to be looked after, so that the watch goes on when nobody waits any longer.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        look_after: Callable[[], bool],
        put_aside: Callable[[list[Write]], Coroutine[Any, Any, None]],
    ) -> None:
        self._loop = loop
        self._look_after = look_after
        self._put_aside = put_aside
        self._waiting: list[Write] = []
        self._putting_aside: set[asyncio.Task[None]] = set()
        self._is_watching = False

    def add(self, write: Write) -> None:
        self._waiting.append(write)
        self.watch()

    def watch(self) -> None:
        """Look at the clock from now on, until there is nothing to look after."""
        if not self._is_watching:
            self._is_watching = True
            self._loop.call_later(WATCH_SECONDS, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        waiting = [write for write in self._waiting if write.future is not None and not write.future.done()]
        late = [write for write in waiting if write.deadline <= now]
        self._waiting = [write for write in waiting if write.deadline > now] if late else waiting
        for write in late:
            if not write.is_kept and write.future is not None:
                write.is_abandoned = True
                write.future.set_exception(StoreUnavailable("The database did not answer in time."))
        if kept := [write for write in late if write.is_kept]:
            logger.warning("The database is away: %s settlements wait in the queue", len(kept))
            task = self._loop.create_task(self._put_aside(kept))
            self._putting_aside.add(task)
            task.add_done_callback(self._putting_aside.discard)
        self._is_watching = False
        if self._look_after() or self._waiting:
            self.watch()
