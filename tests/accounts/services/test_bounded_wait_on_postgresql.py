"""Something between us and PostgreSQL that acknowledges what it does not pass on hangs nobody for ever."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections

from accounts.models import Team
from accounts.services import bounded_wait
from accounts.services.bounded_wait import Line, Threads
from routing.services import group_commit
from routing.services.group_commit import GroupCommit
from routing.services.pending_writes import StoreUnavailable
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 20.0


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(1, "asking")
    yield made
    made.close()


@pytest.fixture
def proxy(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> Iterator[TcpProxy]:
    """The only way of new connections to the database; silence is noticed after a tenth of a second."""
    monkeypatch.setattr(bounded_wait, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(bounded_wait, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(group_commit, "SILENT_SECONDS", 0.1)
    with TcpProxy(int(connection.settings_dict["PORT"])) as between:
        monkeypatch.setitem(connection.settings_dict, "PORT", between.port)
        yield between
        between.heal()


def teams() -> int:
    return Team.objects.count()


async def test_thread_that_met_silence_comes_back_and_answers_again(proxy: TcpProxy, threads: Threads) -> None:
    await threads.ask(SECONDS, teams)
    proxy.freeze()
    with pytest.raises(TimeoutError):
        await threads.ask(0.01, teams)
    # It waits for its turn in the only thread, until the question before has been given up.
    left = await threads.ask(SECONDS, lambda: connection.connection)
    proxy.heal()

    assert (left, await threads.ask(SECONDS, teams)) == (None, 0)
    await threads.ask(SECONDS, connections.close_all)


async def test_question_whose_turn_did_not_come_is_never_asked(proxy: TcpProxy, threads: Threads) -> None:
    asked: list[str] = []
    await threads.ask(SECONDS, teams)
    proxy.freeze()
    first = asyncio.create_task(threads.ask(SECONDS, teams))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await threads.ask(0.01, asked.append, "second")
    proxy.heal()

    assert (await first, asked) == (0, [])
    await threads.ask(SECONDS, connections.close_all)


async def test_silence_does_not_keep_a_process_from_ending(proxy: TcpProxy, threads: Threads) -> None:
    has_begun = threading.Event()

    def ask() -> int:
        has_begun.set()
        return teams()

    await threads.ask(SECONDS, teams)
    proxy.freeze()
    asking = asyncio.create_task(threads.ask(SECONDS, ask))
    await asyncio.to_thread(has_begun.wait, SECONDS)

    threads.close()

    with pytest.raises(OperationalError):
        await asking


def test_block_that_met_silence_fails(proxy: TcpProxy) -> None:
    connection.close()
    teams()
    proxy.freeze()

    with pytest.raises(OperationalError), bounded_wait.within(0.1, DEFAULT_DB_ALIAS):
        teams()

    connection.close()
    proxy.heal()
    assert teams() == 0
    connection.close()


@pytest_asyncio.fixture
async def writer() -> AsyncIterator[GroupCommit]:
    def apply(operations: Sequence[Any], /, *, is_retry: bool = False) -> list[Any]:
        return [Team.objects.filter(name=operation).count() for operation in operations]

    line = Line()
    made = GroupCommit(apply, lambda _operation, _result: None, connect=line.open, shut=line.shut)
    yield made
    assert await made.close(SECONDS)


async def test_writer_that_met_silence_writes_again_what_must_not_be_lost(proxy: TcpProxy, writer: GroupCommit) -> None:
    await writer.submit("first", seconds=SECONDS)
    proxy.freeze()
    settled = writer.submit_kept("kept", seconds=SECONDS)
    with pytest.raises(StoreUnavailable):
        await writer.submit("opened", seconds=0.01)
    proxy.heal()

    assert await settled == 0
