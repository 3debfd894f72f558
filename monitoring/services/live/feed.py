"""Brings a web process the snapshots of the scopes that its viewers watch.

A worker publishes them; the process only listens, on one channel whatever number of viewers it has. When nobody
publishes, because there is no worker, the process takes its turn at it, and where Redis is away it makes snapshots for
its own viewers alone.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import timezone

from monitoring.services.live import board as boards
from monitoring.services.live import producer
from monitoring.services.live.producer import Tick
from monitoring.services.live.scopes import group_of

logger = logging.getLogger(__name__)

# Of the time that a worker has to be late in before a web process takes its turn.
GRACE_SECONDS = 0.5
GROUP_SECONDS = 1.0
RETRY_SECONDS = 1.0
STOP_SECONDS = 2.0
STEPS_PER_PERIOD = 5
WATCHED_PERIODS = 3

Read = Callable[..., Awaitable[Any]]


class Feed:
    """Works on the event loop from ``start`` to ``stop``.

    Args:
        scopes: Returns the scopes that are watched here.
        on_tick: Is called with every snapshot.
        on_degraded: Is called with True when Redis has gone, and with False when it is back.
        read: Runs a function in a thread with a database connection.
    """

    def __init__(
        self,
        *,
        scopes: Callable[[], set[str]],
        on_tick: Callable[[Tick], None],
        on_degraded: Callable[[bool], None],
        read: Read,
    ) -> None:
        self._scopes = scopes
        self._on_tick = on_tick
        self._on_degraded = on_degraded
        self._read = read
        self._board = boards.shared()
        self._tasks: list[asyncio.Task[None]] = []
        self._channel: str | None = None
        self._grouped: set[str] = set()
        self._heard_at = self._watched_at = 0.0
        self._is_running = False
        self.is_degraded = False

    def start(self) -> None:
        self._is_running = True
        self._heard_at = time.monotonic()
        self._watched_at = 0.0
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._keep_time())]

    async def stop(self) -> None:
        """End listening and leave the groups, as far as Redis can be told."""
        self._is_running = False
        for task in self._tasks:
            task.cancel()
        # A client of Redis may turn a cancellation into an error of its own; then the loop ends by its condition.
        await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        await self._leave_groups()

    async def _listen(self) -> None:
        layer = get_channel_layer()
        while self._is_running:
            try:
                self._channel = await layer.new_channel()
                self._grouped.clear()
                await self._watch()
                while self._is_running:
                    tick = producer.tick_of(await layer.receive(self._channel))
                    self._heard_at = time.monotonic()
                    self._on_tick(tick)
            except Exception as error:
                logger.warning("Live updates are not heard: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _keep_time(self) -> None:
        period = settings.LIVE_PERIOD_SECONDS
        grace = GRACE_SECONDS if settings.REDIS_URL else 0.0
        while self._is_running:
            await asyncio.sleep(period / STEPS_PER_PERIOD)
            now = time.monotonic()
            if now - self._watched_at >= period or self._scopes() - self._grouped:
                await self._watch()
            if now - self._heard_at >= period + grace:
                self._heard_at = now
                await self._take_turn()

    async def _watch(self) -> None:
        """Say what is watched here, and be in the groups of it. A Redis that forgot everything is told again."""
        if self._channel is None:
            return
        scopes = self._scopes()
        seconds = WATCHED_PERIODS * settings.LIVE_PERIOD_SECONDS
        self._watched_at = time.monotonic()
        try:
            await asyncio.to_thread(self._board.watch, scopes, seconds=seconds)
            await self._change_groups(scopes)
        except Exception as error:
            self._note(error)
        else:
            self._note(None)

    async def _change_groups(self, scopes: set[str]) -> None:
        layer = get_channel_layer()
        async with asyncio.timeout(GROUP_SECONDS):
            for scope in scopes:
                await layer.group_add(group_of(scope), self._channel)
            for scope in self._grouped - scopes:
                await layer.group_discard(group_of(scope), self._channel)
        self._grouped = scopes

    async def _leave_groups(self) -> None:
        if self._channel is not None and not self.is_degraded:
            try:
                await self._change_groups(set())
            except Exception as error:
                # Messages to a channel that nobody reads expire.
                logger.info("The live groups could not be left: %s", type(error).__name__)
        self._channel = None

    async def _take_turn(self) -> None:
        try:
            if not await asyncio.to_thread(self._board.take_slot, seconds=settings.LIVE_PERIOD_SECONDS):
                return
            scopes = await asyncio.to_thread(self._board.watched)
        except boards.BoardUnavailable as error:
            self._note(error)
            await self._publish(self._scopes(), to_all=False)
        else:
            await self._publish(scopes, to_all=True)

    async def _publish(self, scopes: Iterable[str], *, to_all: bool) -> None:
        try:
            ticks: list[Tick] = await self._read(lambda: producer.make_all(scopes, now=timezone.now()))
        except Exception as error:
            # Viewers see by the time of the last snapshot that it is old.
            logger.warning("No live snapshot was made: %s", type(error).__name__)
            return
        if to_all:
            try:
                async with asyncio.timeout(GROUP_SECONDS):
                    await producer.publish(ticks)
                return
            except Exception as error:
                self._note(error)
        own = self._scopes()
        for tick in ticks:
            if tick.scope in own:
                self._on_tick(tick)

    def _note(self, error: Exception | None) -> None:
        """Tell the viewers when Redis goes and when it comes back."""
        is_degraded = error is not None
        if is_degraded != self.is_degraded:
            self.is_degraded = is_degraded
            logger.warning("Live updates are %s", f"made by each process: {error}" if error else "shared again")
            self._on_degraded(is_degraded)
