"""What one gateway process holds while it runs: connections, the ledger's writer, its lease, the work in flight."""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast

from django.conf import settings
from django.db import connection

from accounts.services import api_keys, config_version, telemetry
from accounts.services.bounded_wait import Line, Threads
from accounts.services.rate_limits import RateLimiter
from routing.domain import tokens
from routing.providers.http_client import HttpClient
from routing.services import (
    database_clock,
    embeddings,
    instance,
    ledger,
    ledger_at_once,
    otel,
    process_memory,
    settlement_spool,
    snapshot,
)
from routing.services.exposure_collector import ExposureCollector
from routing.services.group_commit import GroupCommit
from routing.services.pending_writes import StoreUnavailable
from routing.services.prompt_collector import PromptCollector

logger = logging.getLogger(__name__)

T = TypeVar("T")
SWITCH_SECONDS = 0.0005
READER_THREADS = 4
LAST_SECONDS = 5
START_SECONDS = 30
USE_FLUSH_SECONDS = 30
NOTES_FLUSH_SECONDS = 1.0


class Runtime:
    """Made on the event loop by ``start``; ``close`` lets the work in flight end, then writes what is left.

    ``current`` is the one of this process, for whoever wants to know whether it accepts; None where no gateway runs.
    """

    current: ClassVar["Runtime | None"] = None

    def __init__(self) -> None:
        self.instance = instance.Instance()
        self.is_accepting = False
        self._at_once = ledger_at_once.AtOnce() if connection.vendor == "postgresql" else None
        self._spool = settlement_spool.Spool(settlement_spool.folder(), str(self.instance.id))
        line = Line()
        self.writer = GroupCommit(
            ledger.apply,
            ledger.undo_of,
            self._at_once.apply if self._at_once else None,
            connect=line.open,
            shut=line.shut,
            spool=self._spool,
        )
        self.prompts = PromptCollector()
        self.exposures = ExposureCollector()
        self.rate_limiter = RateLimiter(settings.REDIS_URL)
        self.http_client = HttpClient()
        self.reporter = otel.start() if settings.OTEL_ENABLED else None
        self._readers = Threads(READER_THREADS, "reader")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._key_uses: dict[int, datetime] = {}
        self._periodic: list[asyncio.Task[None]] = []

    @classmethod
    async def start(cls) -> "Runtime":
        """Load the snapshot, take a lease and begin to accept.

        Raises:
            DatabaseError: The database cannot be reached or has not been migrated.
        """
        # The writer thread waits for the interpreter after each exchange with the database; the usual 5 ms would add up
        # to more than the exchanges themselves while the event loop is busy.
        sys.setswitchinterval(SWITCH_SECONDS)
        process_memory.return_large_blocks()
        runtime = cls()
        try:
            # Vocabulary and weights are loaded on first use; no request should wait for that.
            await asyncio.to_thread(_prepare_domain)
            await runtime._read_within(START_SECONDS, runtime._load)
            # Opens every reader's connection now rather than on somebody's request.
            opened = (runtime._read_within(START_SECONDS, config_version.current) for _ in range(READER_THREADS))
            await asyncio.gather(*opened)
        except Exception:
            await runtime.close()
            raise
        # What was loaded so far stays: the collector need not look at it again and again while requests come and go.
        process_memory.set_collector()
        runtime._periodic = [asyncio.create_task(work()) for work in (runtime._poll, runtime._write_notes)]
        runtime.is_accepting = True
        cls.current = runtime
        return runtime

    @property
    def in_flight(self) -> int:
        return len(self._tasks)

    def begin_work(self) -> None:
        """Count the current task as work that must end well; shutdown waits for it until ``end_work``."""
        self._tasks.add(cast("asyncio.Task[Any]", asyncio.current_task()))

    def end_work(self) -> None:
        self._tasks.discard(cast("asyncio.Task[Any]", asyncio.current_task()))

    async def read(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a database read in a thread with a lasting connection; raises StoreUnavailable when it takes too long."""
        return await self._read_within(settings.GATEWAY_STORE_SECONDS, function, *arguments)

    async def _read_within(self, seconds: float, function: Callable[..., T], *arguments: Any) -> T:
        try:
            return await self._readers.ask(seconds, function, *arguments)
        except TimeoutError:
            raise StoreUnavailable("The database did not answer in time.") from None

    def note_key_use(self, api_key_id: int) -> None:
        self._key_uses[api_key_id] = database_clock.now()

    async def commit(self, operation: ledger.Operation) -> Any:
        """Write an operation durably; raises StoreUnavailable when the database does not take it in time."""
        return await self.writer.submit(operation, seconds=settings.GATEWAY_STORE_SECONDS)

    def settle(self, operation: ledger.CloseEntry) -> "asyncio.Future[bool | None]":
        """Write a settlement; while the database is away it waits in the queue and the caller goes on."""
        return self.writer.submit_kept(operation, seconds=settings.GATEWAY_STORE_SECONDS)

    async def close(self) -> None:
        """Stop accepting, wait for the work in flight, break off what does not end in time, write the rest."""
        self.is_accepting = False
        if self._tasks:
            # The server has waited for them and broken them off; they still write down how they ended.
            await asyncio.wait(set(self._tasks), timeout=min(LAST_SECONDS, settings.GATEWAY_DRAIN_SECONDS))
        for task in set(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=2)
        if self._periodic:
            for task in self._periodic:
                task.cancel()
            await self._quietly(self.read(self.prompts.flush))
            await self._quietly(self.read(self.exposures.flush))
            await self._quietly(self.read(self._end_lease))
        await self.http_client.aclose()
        await self.rate_limiter.aclose()
        if not await self.writer.close(5.0):
            logger.error("The database is away: %s writes are left to the next process", self.writer.waiting)
        self._spool.close()
        if self._at_once is not None:
            self._at_once.close()
        self._readers.close()
        if Runtime.current is self:
            Runtime.current = None

    def _load(self) -> None:
        database_clock.synchronize()
        snapshot.refresh()
        instance.renew(self.instance, database_clock.now())
        settlement_spool.bring_in(settlement_spool.folder())

    def _end_lease(self) -> None:
        api_keys.record_use(self._key_uses)
        # The lease ends with the last write; the rows still open then are the reconciler's.
        instance.end(self.instance, database_clock.now())

    async def _poll(self) -> None:
        """Look for changed configuration; a task of its own, for what takes long must not put off a revocation."""
        while True:
            await asyncio.sleep(snapshot.POLL_SECONDS)
            await self._quietly(self.read(snapshot.refresh))
            telemetry.gauge("gateway_requests_in_flight", self.in_flight)
            telemetry.gauge("gateway_writes_waiting", self.writer.waiting)

    async def _write_notes(self) -> None:
        """Renew the lease, and write now and then what requests left to be noted."""
        renewed_at = flushed_at = stored_at = time.monotonic()
        while True:
            await asyncio.sleep(snapshot.POLL_SECONDS)
            now = time.monotonic()
            if now - stored_at >= NOTES_FLUSH_SECONDS and (len(self.prompts) or len(self.exposures)):
                stored_at = now
                await self._quietly(self.read(self.prompts.flush))
                await self._quietly(self.read(self.exposures.flush))
            if now - renewed_at >= instance.RENEW_SECONDS:
                renewed_at = now
                await self._quietly(self.read(database_clock.synchronize))
                await self._quietly(self.read(instance.renew, self.instance, database_clock.now()))
            if now - flushed_at >= USE_FLUSH_SECONDS and self._key_uses:
                flushed_at = now
                uses, self._key_uses = self._key_uses, {}
                await self._quietly(self.read(api_keys.record_use, uses))

    @staticmethod
    async def _quietly(work: Awaitable[object]) -> None:
        """Do periodic work; while the store is away the last known state holds and the next round tries again."""
        try:
            await work
        except Exception as error:
            logger.warning("Periodic work failed: %s", type(error).__name__)


def _prepare_domain() -> None:
    tokens.count("ready")
    embeddings.prepare()
