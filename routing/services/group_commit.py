"""Commits the writes of many requests together: durable before the answer, one transaction for all that wait.

Whatever has been submitted is applied and committed, the waiting requests are released, and it starts again with what
has come in meanwhile. An idle process commits at once, without a timer; a busy one in batches, and after one of several
it waits a moment for more. One thread with one lasting connection does that; before it, where the store allows it, the
event loop itself with what is ordinary, so that no thread has to be woken. A write that must not be lost stays in the
queue until the store takes it.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from accounts.services.bounded_wait import SILENT_SECONDS
from routing.services import pending_writes
from routing.services.pending_writes import StoreUnavailable, Write
from routing.services.write_deadlines import WriteDeadlines

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.25
# Where so many writes came together, more are on their way. To wait for them takes less of both processors, the store's
# and ours, than a transaction for each few of them (as PostgreSQL's commit_delay with its commit_siblings).
BUSY_WRITES = 4
GATHER_SECONDS = 0.003
CONNECTION_ERRORS = (OperationalError, InterfaceError)


class Apply(Protocol):
    def __call__(self, operations: Sequence[Any], /, *, is_retry: bool = False) -> list[Any]: ...


class ApplyOnLoop(Protocol):
    """Applies operations on the event loop and returns their results, None where it did nothing."""

    def __call__(self, operations: Sequence[Any], /) -> Coroutine[Any, Any, list[Any] | None]: ...


class Spool(Protocol):
    """Keeps on disk what the store has not taken; both may be called from any thread."""

    def keep(self, operations: Sequence[Any], /) -> None: ...

    def release(self, operations: Sequence[Any], /) -> None: ...


class GroupCommit:
    """The writes of one process and event loop.

    ``apply`` takes operations, runs them in one transaction and returns a result for each; it is called in the thread.
    ``connect`` is called before it and raises where the store cannot be reached; ``shut`` is called on the event loop
    and makes it fail where the store has been silent for long. ``apply_on_loop`` is asked first where there is one.
    ``on_abandoned`` is called with an operation that was committed after its request had stopped waiting, and its
    result, None where it is not known whether it was committed; it returns an operation that undoes it, or None.
    ``spool`` is given what must not be lost and nobody waits for any longer.
    """

    def __init__(
        self,
        apply: Apply,
        on_abandoned: Callable[[Any, Any], Any],
        apply_on_loop: ApplyOnLoop | None = None,
        *,
        connect: Callable[[], None] = lambda: None,
        shut: Callable[[], None] = lambda: None,
        spool: Spool | None = None,
    ) -> None:
        self._apply = apply
        self._connect = connect
        self._shut = shut
        self._spool = spool
        self._apply_on_loop = apply_on_loop
        self._on_abandoned = on_abandoned
        # Submitted, and not yet taken by the event loop; what it leaves to the thread is in the queue.
        self._submitted: deque[Write] = deque()
        self._passing: asyncio.Task[None] | None = None
        self._queue: deque[Write] = deque()
        # Taken by the thread, and not committed yet.
        self._in_hand: list[Write] = []
        # When the thread asked the store for what it now waits for, by the monotonic clock.
        self._asked_at: float | None = None
        self._wake = threading.Event()
        self._is_closing = False
        self._is_store_away = False
        self._loop = asyncio.get_running_loop()
        self._deadlines = WriteDeadlines(self._loop, look_after=self._look_after_thread, put_aside=self._put_aside)
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Operations not yet taken to be committed."""
        return len(self._submitted) + len(self._queue)

    async def submit(self, operation: Any, *, seconds: float) -> Any:
        """Commit an operation and return its result.

        Raises:
            StoreUnavailable: It was not committed within ``seconds``. Should it be committed after all, it is undone.
            Exception: Whatever applying this operation alone raised.
        """
        write = self._enqueue(operation, seconds, is_kept=False)
        assert write.future is not None
        try:
            return await write.future
        finally:
            if write.future.cancelled():
                write.is_abandoned = True

    def submit_kept(self, operation: Any, *, seconds: float) -> "asyncio.Future[Any | None]":
        """Commit an operation that must not be lost; its result is None when it is still queued after ``seconds``.

        It is queued before this returns, whatever becomes of the future.
        """
        write = self._enqueue(operation, seconds, is_kept=True)
        assert write.future is not None
        return write.future

    async def close(self, seconds: float) -> bool:
        """Write what is queued and end the thread; return whether all was written in time.

        What was not, and must not be lost, is then in the spool.
        """
        give_up_at = self._loop.time() + seconds
        if self._passing is not None:
            await asyncio.wait({self._passing}, timeout=seconds / 2)
        if self._passing is not None:
            self._passing.cancel()
            await asyncio.wait({self._passing})
        self._is_closing = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join, max(0.0, give_up_at - self._loop.time()))
        if not self._thread.is_alive() and not self.waiting:
            return True
        await self._put_aside([write for write in (*self._in_hand, *self._queue) if write.is_kept])
        return False

    def _enqueue(self, operation: Any, seconds: float, *, is_kept: bool) -> Write:
        write = Write(operation, self._loop.create_future(), is_kept=is_kept, deadline=self._loop.time() + seconds)
        self._deadlines.add(write)
        if self._apply_on_loop is None or self._is_store_away or self._is_closing:
            self._leave_to_thread([write])
        else:
            self._submitted.append(write)
            if self._passing is None:
                self._passing = self._loop.create_task(self._pass(self._apply_on_loop))
        return write

    def _leave_to_thread(self, writes: Sequence[Write]) -> None:
        self._queue.extend(writes)
        self._wake.set()
        self._deadlines.watch()

    async def _pass(self, apply: ApplyOnLoop) -> None:
        """Commit what has been submitted, batch after batch, on the event loop; leave the rest to the thread."""
        try:
            while batch := pending_writes.taken(self._submitted):
                try:
                    results = await apply([write.operation for write in batch])
                except (*CONNECTION_ERRORS, asyncio.CancelledError) as error:
                    # The thread finds out whether the database is away, and what of the batch it has committed.
                    pending_writes.doubt(batch)
                    self._leave_to_thread(batch)
                    if isinstance(error, asyncio.CancelledError):
                        raise
                    return
                except Exception:
                    # A bad row, for one: the thread finds out which, and whose.
                    self._leave_to_thread(batch)
                else:
                    if results is None:
                        self._leave_to_thread(batch)
                    else:
                        self._release([(write, result, None) for write, result in zip(batch, results, strict=True)])
                if len(batch) >= BUSY_WRITES:
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            self._passing = None
            if self._submitted:
                # Broken off, in an exchange or while it waited for more.
                self._leave_to_thread(self._submitted)
                self._submitted.clear()

    def _look_after_thread(self) -> bool:
        """Free the thread of a store that has been silent for long; say whether it has work still."""
        asked_at = self._asked_at
        if asked_at is not None and time.monotonic() - asked_at >= SILENT_SECONDS:
            self._shut()
        return bool(self._queue or self._in_hand)

    async def _put_aside(self, writes: Sequence[Write]) -> None:
        """Put writes on disk before their requests go on: they stay in the queue, and may outlive the process."""
        if self._spool is not None and writes:
            try:
                await asyncio.to_thread(self._spool.keep, [write.operation for write in writes])
            except OSError as error:
                logger.error("Settlements could not be put on disk: %s", error)
        for write in writes:
            if write.future is not None and not write.future.done():
                write.future.set_result(None)

    def _run(self) -> None:
        try:
            while True:
                self._wake.wait()
                self._wake.clear()
                while self._queue:
                    self._in_hand = pending_writes.taken(self._queue)
                    self._commit(self._in_hand)
                    is_busy, self._in_hand = len(self._in_hand) >= BUSY_WRITES, []
                    if self._is_store_away:
                        time.sleep(RETRY_SECONDS)
                    elif is_busy:
                        time.sleep(GATHER_SECONDS)
                if self._is_closing:
                    return
        finally:
            connection.close()

    def _commit(self, batch: list[Write]) -> None:
        if not batch:
            return
        try:
            results = self._apply_with_reconnect(batch)
        except CONNECTION_ERRORS as error:
            self._on_store_away(batch, error)
        except Exception as error:
            if len(batch) == 1:
                if batch[0].is_kept:
                    logger.error("A write that must not be lost was refused: %s", type(error).__name__)
                self._finish([(batch[0], None, error)])
                return
            # One bad row must fail alone, not with the requests it was batched with.
            for write in batch:
                self._commit([write])
        else:
            self._is_store_away = False
            if self._spool is not None:
                self._spool.release([write.operation for write in batch])
            self._finish([(write, result, None) for write, result in zip(batch, results, strict=True)])

    def _apply_with_reconnect(self, batch: Sequence[Write]) -> list[Any]:
        try:
            return self._apply_beside_an_earlier_try(batch)
        except CONNECTION_ERRORS:
            # A connection that the server closed while idle fails on first use; a fresh one tells whether the store
            # is away. What the first try committed without our hearing of it is recognized by its ids.
            connection.close()
            return self._apply_beside_an_earlier_try(batch)

    def _apply_beside_an_earlier_try(self, batch: Sequence[Write]) -> list[Any]:
        is_unsure = any(write.is_unsure for write in batch)
        try:
            return self._try(batch, is_retry=is_unsure)
        except CONNECTION_ERRORS:
            raise
        except Exception:
            if not is_unsure:
                raise
            # The server may have been at work on the earlier try still, whose rows then stood in the way of these. It
            # has ended by now, and is recognized.
            return self._try(batch, is_retry=True)

    def _try(self, batch: Sequence[Write], *, is_retry: bool) -> list[Any]:
        self._connect()
        was_connected = connection.connection is not None
        self._asked_at = time.monotonic()
        try:
            return self._apply([write.operation for write in batch], is_retry=is_retry)
        except CONNECTION_ERRORS:
            pending_writes.doubt(batch)
            raise
        except Exception as error:
            if was_connected and not _is_connected():
                # The driver has other words, too, for a connection that was lost.
                pending_writes.doubt(batch)
                raise OperationalError("The connection to the database was lost.") from error
            raise
        finally:
            self._asked_at = None

    def _on_store_away(self, batch: list[Write], error: DatabaseError | InterfaceError) -> None:
        if not self._is_store_away:
            logger.error("The database is away: %s", type(error).__name__)
        self._is_store_away = True
        connection.close()
        kept = [write for write in batch if write.is_kept]
        self._queue.extendleft(reversed(kept))
        # Nobody will work on what may have been committed all the same: it must not hold its budget.
        undone = [self._on_abandoned(write.operation, None) for write in batch if write.is_unsure and not write.is_kept]
        self._queue.extend(pending_writes.undoing(undo, is_unsure=True) for undo in undone if undo is not None)
        lost = StoreUnavailable("The database is not available.")
        self._finish([(write, None, lost) for write in batch if not write.is_kept])

    def _finish(self, outcomes: list[tuple[Write, Any, Exception | None]]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._release, outcomes)

    def _release(self, outcomes: list[tuple[Write, Any, Exception | None]]) -> None:
        """Hand out what came of a batch; decided here, on the loop, so that nobody gives up at the same moment."""
        for write, result, error in outcomes:
            if write.future is None:
                continue
            if write.future.done():
                self._undo(write, result, error)
            elif error is None:
                write.future.set_result(result)
            else:
                write.future.set_exception(error)

    def _undo(self, write: Write, result: Any, error: Exception | None) -> None:
        """Take back what was committed for a request that had stopped waiting."""
        if write.is_kept or error is not None:
            return
        undo = self._on_abandoned(write.operation, result)
        if undo is not None:
            self._leave_to_thread([pending_writes.undoing(undo)])


def _is_connected() -> bool:
    return connection.connection is not None and connection.is_usable()
