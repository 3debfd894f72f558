import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection

from accounts.models import BudgetPeriod
from accounts.services.prepared_statements import OtherCount, Prepared, counted
from routing.models import LedgerEntry
from routing.services import ledger, loop_connection
from routing.services.ledger_at_once import AtOnce
from routing.services.ledger_operations import Opened, Operation
from routing.services.loop_connection import LoopConnection
from tests.routing.services.ledger_requests import COST, RESERVED, Request, budget, key
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.django_db(transaction=True)

END_BACKEND = Prepared("end_backend", ("int",), "SELECT pg_terminate_backend(pg_backend_pid() + $1)")
RENAME_NOBODY = counted("rename_nobody", (), "UPDATE accounts_team SET name = name WHERE id < 0")


@pytest_asyncio.fixture
async def at_once() -> AsyncIterator[AtOnce]:
    made = AtOnce()
    yield made
    made.close()


@pytest_asyncio.fixture
async def link() -> AsyncIterator[LoopConnection]:
    made = LoopConnection()
    yield made
    made.close()


def rows() -> list[tuple[str, int | None]]:
    return list(LedgerEntry.objects.order_by("state").values_list("state", "cost_nano_usd"))


def figures() -> tuple[int, int, int]:
    return BudgetPeriod.objects.values_list("spent_nano_usd", "reserved_nano_usd", "overrun_nano_usd").get()


def opened_before(limit_nano_usd: int = 10**9) -> Request:
    """Return a request whose row is open, so that its budget's period is known."""
    caller = key()
    asked = Request(caller, (budget(caller.team, limit_nano_usd).id,))
    ledger.apply([asked.opening()])
    return asked


def another(of: Request) -> Request:
    return Request(of.key, of.budget_ids)


def held(of: Request) -> tuple[int, tuple[int, ...]]:
    return RESERVED, tuple(of.row["budget_period_ids"])


def end_all_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def settle_elsewhere(asked: Request) -> Any:
    return ledger.apply([asked.closing()])


async def test_rows_and_budgets_are_true_after_one_exchange(at_once: AtOnce) -> None:
    before = await sync_to_async(opened_before)()
    after = await sync_to_async(another)(before)
    batch: list[Operation] = [after.opening(), before.closing(held=held(before))]

    results = await at_once.apply(batch)

    assert results is not None
    assert [type(results[0]), results[1]] == [Opened, True]
    assert await sync_to_async(rows)() == [("pending", None), ("settled", COST)]
    assert await sync_to_async(figures)() == (COST, RESERVED, 0)


async def test_batch_without_room_comes_to_nothing(at_once: AtOnce) -> None:
    before = await sync_to_async(opened_before)(2 * RESERVED)
    two = [await sync_to_async(another)(before) for _ in range(2)]

    assert await at_once.apply([one.opening() for one in two]) is None

    assert await sync_to_async(rows)() == [("pending", None)]
    assert await sync_to_async(figures)() == (0, RESERVED, 0)


async def test_row_that_somebody_else_has_closed_is_not_settled_again(at_once: AtOnce) -> None:
    asked = await sync_to_async(opened_before)()
    await sync_to_async(settle_elsewhere)(asked)

    assert await at_once.apply([asked.closing(held=held(asked))]) is None

    assert await sync_to_async(figures)() == (COST, 0, 0)


async def test_connection_that_is_lost_is_told_of_and_made_again(link: LoopConnection) -> None:
    with pytest.raises(OperationalError):
        await link.execute([(END_BACKEND, (0,))])

    with pytest.raises(OtherCount):
        await link.execute([(RENAME_NOBODY, (1,))])
    await link.execute([(RENAME_NOBODY, (0,))])


async def test_connection_ended_while_nobody_asked_is_no_loss(link: LoopConnection) -> None:
    await link.execute([(RENAME_NOBODY, (0,))])
    await sync_to_async(end_all_others)()

    async with asyncio.timeout(30):
        while link.is_open:  # noqa: ASYNC110 (the server's goodbye sets no event of ours)
            await asyncio.sleep(0.01)
    await link.execute([(RENAME_NOBODY, (0,))])


async def test_server_that_cannot_be_reached_is_an_operational_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    with pytest.raises(OperationalError):
        await LoopConnection().execute([(RENAME_NOBODY, (0,))])


async def test_failure_that_the_server_has_given_no_code_is_a_lost_exchange(link: LoopConnection) -> None:
    # The driver calls it a programming error, as it does some that a lost connection causes.
    with pytest.raises(OperationalError):
        await link.execute([(RENAME_NOBODY, (object(),))])

    assert not link.is_open
    await link.execute([(RENAME_NOBODY, (0,))])


async def test_connection_that_has_gone_silent_is_given_up_and_made_again(
    link: LoopConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TcpProxy(int(connection.settings_dict["PORT"])) as proxy:
        monkeypatch.setitem(connection.settings_dict, "PORT", proxy.port)
        await link.execute([(RENAME_NOBODY, (0,))])
        monkeypatch.setattr(loop_connection, "EXCHANGE_SECONDS", 0.2)
        proxy.freeze()
        with pytest.raises(OperationalError):
            await link.execute([(RENAME_NOBODY, (0,))])
        was_open = link.is_open
        proxy.heal()
        monkeypatch.setattr(loop_connection, "EXCHANGE_SECONDS", 30.0)
        await link.execute([(RENAME_NOBODY, (0,))])
        is_open = link.is_open
        link.close()

    assert (was_open, is_open) == (False, True)
