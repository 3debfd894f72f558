import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from django.db import OperationalError

from routing.services import group_commit
from routing.services.group_commit import BUSY_WRITES, GroupCommit
from routing.services.pending_writes import StoreUnavailable

SECONDS = 5.0


class FakeStore:
    """Keeps what is applied. It can be away, take its time, refuse a bad operation, or lose its acknowledgement."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.batches: list[list[str]] = []
        self.retries: list[list[str]] = []
        self.is_away = False
        self.loses_acknowledgements = 0
        self.earlier_try_is_under_way = False
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.has_begun = threading.Event()

    def connect(self) -> None:
        if self.is_away:
            raise OperationalError("away")

    def apply(self, operations: Sequence[Any], /, *, is_retry: bool = False) -> list[Any]:
        self.has_begun.set()
        self.may_go_on.wait(SECONDS)
        if "bad" in operations:
            raise ValueError("bad")
        if is_retry and self.earlier_try_is_under_way:
            self.earlier_try_is_under_way = False
            raise ValueError("the row has been written meanwhile")
        self.batches.append(list(operations))
        if is_retry:
            self.retries.append(list(operations))
        self.kept += [operation for operation in operations if operation not in self.kept]
        if self.loses_acknowledgements:
            self.loses_acknowledgements -= 1
            raise OperationalError("connection lost after the commit")
        return [f"did {operation}" for operation in operations]

    def undo(self, operation: str, _result: Any) -> str | None:
        return f"undo {operation}" if operation.startswith("open") else None


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest_asyncio.fixture
async def writer(store: FakeStore) -> AsyncIterator[GroupCommit]:
    made = GroupCommit(store.apply, store.undo, connect=store.connect)
    yield made
    store.is_away = False
    store.may_go_on.set()
    assert await made.close(SECONDS)


async def begin(store: FakeStore) -> None:
    assert await asyncio.to_thread(store.has_begun.wait, SECONDS)


async def test_each_request_gets_the_result_of_its_own_operation(writer: GroupCommit) -> None:
    results = await asyncio.gather(*(writer.submit(f"open {number}", seconds=SECONDS) for number in range(50)))

    assert results == [f"did open {number}" for number in range(50)]


async def test_operations_that_wait_are_committed_together_in_their_order(
    writer: GroupCommit, store: FakeStore
) -> None:
    store.may_go_on.clear()
    first = asyncio.create_task(writer.submit("open 0", seconds=SECONDS))
    await begin(store)
    others = [asyncio.create_task(writer.submit(f"open {number}", seconds=SECONDS)) for number in (1, 2, 3)]
    await asyncio.sleep(0)

    store.may_go_on.set()
    await asyncio.gather(first, *others)

    assert store.batches == [["open 0"], ["open 1", "open 2", "open 3"]]


async def test_bad_operation_fails_alone(writer: GroupCommit, store: FakeStore) -> None:
    store.may_go_on.clear()
    first = asyncio.create_task(writer.submit("open 0", seconds=SECONDS))
    await begin(store)
    others = [
        asyncio.create_task(writer.submit(operation, seconds=SECONDS)) for operation in ("open 1", "bad", "open 2")
    ]
    await asyncio.sleep(0)
    store.may_go_on.set()

    outcomes = await asyncio.gather(first, *others, return_exceptions=True)

    assert outcomes[:2] == ["did open 0", "did open 1"]
    assert isinstance(outcomes[2], ValueError)
    assert outcomes[3] == "did open 2"


async def test_opening_fails_at_once_while_the_store_is_away(writer: GroupCommit, store: FakeStore) -> None:
    store.is_away = True

    with pytest.raises(StoreUnavailable):
        await writer.submit("open", seconds=SECONDS)

    assert store.kept == []


async def test_kept_operation_survives_until_the_store_is_back(writer: GroupCommit, store: FakeStore) -> None:
    store.is_away = True
    settled = writer.submit_kept("settle", seconds=SECONDS)
    with pytest.raises(StoreUnavailable):
        await writer.submit("open", seconds=SECONDS)

    store.is_away = False

    assert await settled == "did settle"
    assert store.kept == ["settle"]


async def test_nobody_waits_for_a_kept_operation_longer_than_asked(writer: GroupCommit, store: FakeStore) -> None:
    store.is_away = True

    answer = await writer.submit_kept("settle", seconds=0.05)
    store.is_away = False
    await writer.submit("open", seconds=SECONDS)

    assert answer is None
    assert store.kept == ["settle", "open"]


async def test_opening_that_is_committed_too_late_is_undone(writer: GroupCommit, store: FakeStore) -> None:
    store.may_go_on.clear()
    late = asyncio.create_task(writer.submit("open late", seconds=0.05))
    await begin(store)
    with pytest.raises(StoreUnavailable):
        await late

    store.may_go_on.set()
    await writer.submit("open next", seconds=SECONDS)
    await writer.submit_kept("settle", seconds=SECONDS)

    assert sorted(store.kept) == ["open late", "open next", "settle", "undo open late"]


async def test_opening_given_up_before_its_turn_is_never_made(writer: GroupCommit, store: FakeStore) -> None:
    store.may_go_on.clear()
    first = asyncio.create_task(writer.submit("open 0", seconds=SECONDS))
    await begin(store)
    given_up = asyncio.create_task(writer.submit("open 1", seconds=SECONDS))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])

    store.may_go_on.set()
    await first
    await writer.submit("open 2", seconds=SECONDS)

    assert store.kept == ["open 0", "open 2"]


async def test_lost_acknowledgement_is_asked_for_again_as_a_retry(writer: GroupCommit, store: FakeStore) -> None:
    store.loses_acknowledgements = 1

    result = await writer.submit("open", seconds=SECONDS)

    assert result == "did open"
    assert store.retries == [["open"]]
    assert store.kept == ["open"]


async def test_earlier_try_that_ends_only_now_is_recognized(writer: GroupCommit, store: FakeStore) -> None:
    store.loses_acknowledgements = 1
    store.earlier_try_is_under_way = True

    assert await writer.submit("open", seconds=SECONDS) == "did open"
    assert store.retries == [["open"]]


async def test_opening_over_which_the_store_was_lost_is_undone_when_it_is_back(
    writer: GroupCommit, store: FakeStore
) -> None:
    # Both tries were committed, for all that is known.
    store.loses_acknowledgements = 2
    with pytest.raises(StoreUnavailable):
        await writer.submit("open", seconds=SECONDS)

    await writer.submit_kept("settle", seconds=SECONDS)

    assert store.kept == ["open", "undo open", "settle"]


async def test_opening_that_was_never_sent_needs_no_undoing(writer: GroupCommit, store: FakeStore) -> None:
    store.is_away = True
    with pytest.raises(StoreUnavailable):
        await writer.submit("open", seconds=SECONDS)

    store.is_away = False
    await writer.submit_kept("settle", seconds=SECONDS)

    assert store.kept == ["settle"]


class FakeSpool:
    """Remembers what is on disk, and what ever was."""

    def __init__(self) -> None:
        self.on_disk: list[str] = []
        self.ever: list[str] = []

    def keep(self, operations: Sequence[Any], /) -> None:
        self.on_disk += operations
        self.ever += operations

    def release(self, operations: Sequence[Any], /) -> None:
        self.on_disk = [operation for operation in self.on_disk if operation not in operations]


async def test_settlement_is_on_disk_before_its_request_goes_on_without_the_store(store: FakeStore) -> None:
    spool = FakeSpool()
    writer = GroupCommit(store.apply, store.undo, connect=store.connect, spool=spool)
    await writer.submit_kept("settle in time", seconds=SECONDS)
    store.is_away = True
    await writer.submit_kept("settle", seconds=0.05)
    while_away = list(spool.on_disk)

    store.is_away = False
    assert await writer.close(SECONDS)

    assert (while_away, spool.on_disk, spool.ever) == (["settle"], [], ["settle"])
    assert store.kept == ["settle in time", "settle"]


async def test_what_the_store_has_not_taken_at_the_end_is_left_on_disk(store: FakeStore) -> None:
    spool = FakeSpool()
    writer = GroupCommit(store.apply, store.undo, connect=store.connect, spool=spool)
    store.is_away = True
    waiting = writer.submit_kept("settle", seconds=SECONDS)
    await asyncio.sleep(0)

    assert not await writer.close(0.1)

    assert (await waiting, spool.on_disk) == (None, ["settle"])
    store.is_away = False
    assert await writer.close(SECONDS)


async def test_closing_writes_what_is_queued(store: FakeStore) -> None:
    writer = GroupCommit(store.apply, store.undo, connect=store.connect)
    store.may_go_on.clear()
    waiting = [writer.submit_kept(f"settle {number}", seconds=0.05) for number in range(3)]
    await asyncio.gather(*waiting)
    store.may_go_on.set()

    assert await writer.close(SECONDS)
    assert sorted(store.kept) == ["settle 0", "settle 1", "settle 2"]


async def test_closing_says_when_the_store_did_not_come_back(store: FakeStore) -> None:
    writer = GroupCommit(store.apply, store.undo, connect=store.connect)
    store.is_away = True
    await writer.submit_kept("settle", seconds=0.05)

    assert not await writer.close(0.1)
    assert writer.waiting == 1

    store.is_away = False
    assert await writer.close(SECONDS)


class FakeLoopStore:
    """Does on the event loop what it is not told to leave, lose or refuse."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.batches: list[list[str]] = []
        self.leaves: set[str] = set()
        self.error: Exception | None = None
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def apply(self, operations: Sequence[Any], /) -> list[Any] | None:
        await self.may_go_on.wait()
        if self.error is not None:
            raise self.error
        if self.leaves & set(operations):
            return None
        self.kept += operations
        self.batches.append(list(operations))
        return [f"did {operation}" for operation in operations]


@pytest.fixture
def loop_store() -> FakeLoopStore:
    return FakeLoopStore()


@pytest_asyncio.fixture
async def loop_writer(store: FakeStore, loop_store: FakeLoopStore) -> AsyncIterator[GroupCommit]:
    made = GroupCommit(store.apply, store.undo, loop_store.apply)
    yield made
    loop_store.may_go_on.set()
    assert await made.close(SECONDS)


async def test_what_the_loop_commits_never_reaches_the_thread(
    loop_writer: GroupCommit, store: FakeStore, loop_store: FakeLoopStore
) -> None:
    results = await asyncio.gather(*(loop_writer.submit(f"open {number}", seconds=SECONDS) for number in range(3)))

    assert results == ["did open 0", "did open 1", "did open 2"]
    assert (loop_store.kept, store.kept) == (["open 0", "open 1", "open 2"], [])


async def test_what_the_loop_leaves_is_committed_by_the_thread(
    loop_writer: GroupCommit, store: FakeStore, loop_store: FakeLoopStore
) -> None:
    loop_store.leaves = {"open claim"}

    assert await loop_writer.submit("open claim", seconds=SECONDS) == "did open claim"
    assert await loop_writer.submit("open plain", seconds=SECONDS) == "did open plain"

    assert (loop_store.kept, store.kept, store.retries) == (["open plain"], ["open claim"], [])


async def test_batch_over_which_the_loop_lost_its_connection_is_a_retry_for_the_thread(
    loop_writer: GroupCommit, store: FakeStore, loop_store: FakeLoopStore
) -> None:
    loop_store.error = OperationalError("lost")

    assert await loop_writer.submit("open", seconds=SECONDS) == "did open"

    assert store.retries == [["open"]]


async def test_bad_operation_on_the_loop_fails_alone(
    loop_writer: GroupCommit, store: FakeStore, loop_store: FakeLoopStore
) -> None:
    loop_store.error = TypeError("no JSON")

    outcomes = await asyncio.gather(
        *(loop_writer.submit(operation, seconds=SECONDS) for operation in ("open 1", "bad", "open 2")),
        return_exceptions=True,
    )

    assert (outcomes[0], outcomes[2], store.retries) == ("did open 1", "did open 2", [])
    assert isinstance(outcomes[1], ValueError)


async def test_opening_that_the_loop_commits_too_late_is_undone(
    loop_writer: GroupCommit, store: FakeStore, loop_store: FakeLoopStore
) -> None:
    loop_store.may_go_on.clear()
    with pytest.raises(StoreUnavailable):
        await loop_writer.submit("open late", seconds=0.05)

    loop_store.may_go_on.set()
    await loop_writer.submit_kept("settle", seconds=SECONDS)
    assert await loop_writer.close(SECONDS)

    assert (loop_store.kept, store.kept) == (["open late", "settle"], ["undo open late"])


async def test_closing_leaves_a_batch_that_hangs_on_the_loop_to_the_thread(
    loop_writer: GroupCommit, store: FakeStore, loop_store: FakeLoopStore
) -> None:
    loop_store.may_go_on.clear()
    await loop_writer.submit_kept("settle", seconds=0.05)

    assert await loop_writer.close(1.0)

    assert (loop_store.kept, store.retries) == ([], [["settle"]])


async def many(writer: GroupCommit) -> None:
    await asyncio.gather(*(writer.submit(f"open {number}", seconds=SECONDS) for number in range(BUSY_WRITES)))


async def two_in_a_row(writer: GroupCommit) -> None:
    first = asyncio.create_task(writer.submit("open next", seconds=SECONDS))
    await asyncio.sleep(0.02)
    await asyncio.gather(first, writer.submit("open last", seconds=SECONDS))


async def test_after_a_batch_of_many_the_loop_waits_for_more(
    loop_writer: GroupCommit, loop_store: FakeLoopStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "GATHER_SECONDS", 0.2)
    await many(loop_writer)
    await two_in_a_row(loop_writer)
    await two_in_a_row(loop_writer)

    assert loop_store.batches[1:] == [["open next", "open last"], ["open next"], ["open last"]]


async def test_after_a_batch_of_many_the_thread_waits_for_more(
    writer: GroupCommit, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "GATHER_SECONDS", 0.2)
    store.may_go_on.clear()
    first = asyncio.create_task(writer.submit("open first", seconds=SECONDS))
    await begin(store)
    busy = asyncio.create_task(many(writer))
    await asyncio.sleep(0)
    store.may_go_on.set()
    await asyncio.gather(first, busy)
    await two_in_a_row(writer)

    assert store.batches[2:] == [["open next", "open last"]]


async def test_closing_does_not_lose_what_comes_while_the_loop_waits_for_more(
    loop_writer: GroupCommit, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "GATHER_SECONDS", SECONDS)
    await many(loop_writer)
    settled = loop_writer.submit_kept("settle", seconds=SECONDS)

    assert await loop_writer.close(0.5)

    assert (await settled, store.kept) == ("did settle", ["settle"])
