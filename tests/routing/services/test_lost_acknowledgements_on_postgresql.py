"""What the server may still be at work on when a process has lost its connection over it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import DatabaseError, OperationalError, connection, transaction

from accounts.models import BudgetPeriod
from routing.models import LedgerEntry
from routing.services import ledger
from routing.services.group_commit import GroupCommit
from routing.services.ledger_operations import Opened, OpenEntry
from routing.services.pending_writes import StoreUnavailable
from tests.routing.services.ledger_requests import RESERVED, Request, budget, key

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 5.0


class EarlierTry:
    """An opening that another session of the server has under way, until it is told to commit it."""

    def __init__(self, opening: OpenEntry) -> None:
        self._opening = opening
        self._is_under_way = threading.Event()
        self._may_commit = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._is_under_way.wait(SECONDS)

    def commit_once_somebody_waits_for_it(self) -> None:
        give_up_at = time.monotonic() + SECONDS
        with connection.cursor() as cursor:
            found = 0
            while not found and time.monotonic() < give_up_at:
                # Of this database: tests that run beside wait for locks of their own on the same server.
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )
                [found] = cursor.fetchone()
        assert found
        self._may_commit.set()
        self._thread.join(SECONDS)

    def _run(self) -> None:
        with transaction.atomic():
            ledger.apply([self._opening])
            self._is_under_way.set()
            self._may_commit.wait(SECONDS)
        connection.close()


class Line:
    """The way to the server, which can be cut."""

    is_cut = False

    def open(self) -> None:
        if self.is_cut:
            raise OperationalError("cut")
        connection.ensure_connection()


async def lose(_operations: Sequence[Any]) -> list[Any] | None:
    """Stand for the connection of the event loop, which was lost with a batch in hand."""
    raise OperationalError("lost")


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.is_cut = False


@pytest_asyncio.fixture
async def writer(line: Line) -> AsyncIterator[GroupCommit]:
    made = GroupCommit(ledger.apply, ledger.undo_of, lose, connect=line.open)
    yield made
    assert await made.close(SECONDS)


def request() -> Request:
    caller = key()
    return Request(caller, (budget(caller.team).id,))


def state_and_reserved() -> tuple[str, int]:
    return (
        LedgerEntry.objects.values_list("state", flat=True).get(),
        BudgetPeriod.objects.values_list("reserved_nano_usd", flat=True).get(),
    )


async def test_opening_that_the_server_is_still_at_work_on_is_made_once(writer: GroupCommit) -> None:
    asked = await sync_to_async(request)()
    earlier = await sync_to_async(EarlierTry)(asked.opening())

    again = asyncio.create_task(writer.submit(asked.opening(), seconds=SECONDS))
    await sync_to_async(earlier.commit_once_somebody_waits_for_it)()

    assert isinstance(await again, Opened)
    assert await sync_to_async(state_and_reserved)() == ("pending", RESERVED)


async def test_opening_that_the_server_is_still_at_work_on_is_undone_once_it_is_there(
    writer: GroupCommit, line: Line
) -> None:
    asked = await sync_to_async(request)()
    earlier = await sync_to_async(EarlierTry)(asked.opening())
    line.is_cut = True
    with pytest.raises(StoreUnavailable):
        await writer.submit(asked.opening(), seconds=SECONDS)

    line.is_cut = False
    await sync_to_async(earlier.commit_once_somebody_waits_for_it)()
    assert await writer.close(SECONDS)

    assert await sync_to_async(state_and_reserved)() == ("failed", 0)


async def test_lost_connection_is_known_by_itself_whatever_the_driver_says() -> None:
    retries = []

    def apply(operations: Sequence[Any], *, is_retry: bool = False) -> list[Any]:
        retries.append(is_retry)
        if len(retries) == 1:
            connection.connection.close()
            raise DatabaseError("error with status PGRES_COMMAND_OK and no message from the libpq")
        return list(operations)

    writer = GroupCommit(apply, ledger.undo_of, connect=Line().open)
    assert await writer.submit_kept("settle", seconds=SECONDS) == "settle"
    assert await writer.close(SECONDS)

    assert retries == [False, True]


async def test_refusal_by_the_server_is_no_lost_connection() -> None:
    retries = []

    def apply(_operations: Sequence[Any], *, is_retry: bool = False) -> list[Any]:
        retries.append(is_retry)
        raise DatabaseError("refused")

    writer = GroupCommit(apply, ledger.undo_of, connect=Line().open)
    with pytest.raises(DatabaseError, match="refused"):
        await writer.submit_kept("settle", seconds=SECONDS)
    assert await writer.close(SECONDS)

    assert retries == [False]
