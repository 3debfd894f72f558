"""The viewers of one web process, and what they are shown."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from monitoring.services.live import callers, messages, producer
from monitoring.services.live.feed import Feed
from monitoring.services.live.producer import Tick
from monitoring.services.live.viewer import Viewer

logger = logging.getLogger(__name__)

T = TypeVar("T")
RECHECK_SECONDS = 15.0
RECHECK_PERIODS = 3
READ_SECONDS = 10.0
MAX_SEEN = 1000
THREADS = 2
GOING_AWAY = 1001
NO_LONGER_ALLOWED = 4401


class Full(Exception):
    """This process has as many viewers as it may."""


class Hub:
    """Hands every snapshot to the viewers of its scope; idle while there are none. Belongs to one event loop."""

    def __init__(self) -> None:
        self._viewers: set[Viewer] = set()
        self._feed: Feed | None = None
        self._guard: asyncio.Task[None] | None = None
        self._threads: ThreadPoolExecutor | None = None
        # Snapshots by scope, each with when it came; and those that are being made for somebody who just came.
        self._held: dict[str, tuple[float, Tick]] = {}
        self._making: dict[str, asyncio.Task[Tick]] = {}
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def viewer_count(self) -> int:
        return len(self._viewers)

    async def read(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a read in the hub's own threads, apart from the threads of requests; TimeoutError when it takes long."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live")
        async with asyncio.timeout(READ_SECONDS):
            return await asyncio.get_running_loop().run_in_executor(self._threads, _connected, function, *arguments)

    async def join(self, viewer: Viewer) -> None:
        """Let a viewer in and show it the present; raises Full."""
        if len(self._viewers) >= settings.LIVE_MAX_VIEWERS:
            raise Full("Too many viewers are connected. Try again later, or raise LIVE_MAX_VIEWERS.")
        self._viewers.add(viewer)
        if self._feed is None:
            self._feed = Feed(
                scopes=self._scopes, on_tick=self._hand_out, on_degraded=self._tell_degraded, read=self.read
            )
            self._feed.start()
            self._guard = asyncio.create_task(self._keep_out())
        if self._feed.is_degraded:
            viewer.reply(messages.status(is_degraded=True))

    async def leave(self, viewer: Viewer) -> None:
        """Forget a viewer; the last one ends all work."""
        self._viewers.discard(viewer)
        if not self._viewers:
            await self._rest()

    async def refresh(self, viewer: Viewer) -> None:
        """Show a viewer its scope as it was within the last period."""
        try:
            tick = await self._snapshot(viewer.scope)
        except Exception as error:
            logger.warning("No live snapshot was made: %s", type(error).__name__)
        else:
            viewer.show(tick.body)

    async def close(self) -> None:
        """Send every viewer away and end all work: the process stops."""
        for viewer in tuple(self._viewers):
            viewer.close(GOING_AWAY, "The server is restarting.")
        await self._rest()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def _rest(self) -> None:
        feed, self._feed = self._feed, None
        guard, self._guard = self._guard, None
        self._held.clear()
        if guard is not None:
            guard.cancel()
        if feed is not None:
            await feed.stop()

    def _scopes(self) -> set[str]:
        return {viewer.scope for viewer in self._viewers}

    async def _snapshot(self, scope: str) -> Tick:
        held = self._held.get(scope)
        if held is not None and time.monotonic() - held[0] < settings.LIVE_PERIOD_SECONDS:
            return held[1]
        making = self._making.get(scope)
        if making is None:
            making = self._making[scope] = asyncio.create_task(self._make(scope))
            making.add_done_callback(lambda _: self._making.pop(scope, None))
        # However many ask at once, it is made once; one who leaves does not break it off for the others.
        return await asyncio.shield(making)

    async def _make(self, scope: str) -> Tick:
        tick = await self.read(lambda: producer.make(scope, now=timezone.now()))
        if scope not in self._held:
            # What is in the first snapshot of a scope is not news.
            self._remember(tick)
        self._held[scope] = (time.monotonic(), tick)
        return tick

    def _hand_out(self, tick: Tick) -> None:
        is_first = tick.scope not in self._held
        news = self._remember(tick)
        self._held[tick.scope] = (time.monotonic(), tick)
        for viewer in self._viewers:
            if viewer.scope == tick.scope:
                viewer.show(tick.body)
                for notice in () if is_first else news:
                    viewer.tell(notice)

    def _remember(self, tick: Tick) -> list[str]:
        """Return the notices that no snapshot of the scope had before."""
        keys = [(tick.scope, notice_id) for notice_id in tick.notices]
        new = [tick.notices[key[1]] for key in keys if key not in self._seen]
        for key in keys:
            self._seen[key] = None
            self._seen.move_to_end(key)
        while len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
        return new

    def _tell_degraded(self, is_degraded: bool) -> None:
        for viewer in self._viewers:
            viewer.reply(messages.status(is_degraded=is_degraded))

    async def _keep_out(self) -> None:
        """Close those who may no longer watch. While the database is away, whoever was let in stays."""
        while True:
            await asyncio.sleep(min(RECHECK_SECONDS, RECHECK_PERIODS * settings.LIVE_PERIOD_SECONDS))
            try:
                asked = {viewer.caller for viewer in self._viewers}
                allowed = await self.read(callers.still_allowed, asked)
            except Exception as error:
                logger.warning("The rights of viewers were not checked: %s", type(error).__name__)
                continue
            for viewer in self._viewers:
                if viewer.caller in asked - allowed:
                    viewer.close(NO_LONGER_ALLOWED, "Your key or session is no longer valid.")


def _connected(function: Callable[..., T], *arguments: object) -> T:
    try:
        return function(*arguments)
    finally:
        close_old_connections()
