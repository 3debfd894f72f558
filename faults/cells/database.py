"""A: the database is killed, frozen, slow, cut off, crossed and crowded."""

import asyncio
import contextlib
from collections.abc import Iterator

import psycopg2

from faults.cell import Cell
from faults.evidence import Evidence
from faults.load import Plan
from faults.stack import Stack

# More than the server allows.
_MOST_CONNECTIONS = 250
_USUAL = Plan(models=("ok", "ok", "slow_chunk", "slow_ok_300"))
# A request that meets a database that is away is told so in this time, with some to spare for a busy machine.
_REFUSED_WITHIN_SECONDS = 4.0


async def kill(stack: Stack) -> None:
    await asyncio.to_thread(stack.postgres.process.kill)


async def restart(stack: Stack) -> None:
    await asyncio.to_thread(stack.postgres.start)


async def freeze(stack: Stack) -> None:
    stack.postgres.process.freeze()


async def thaw(stack: Stack) -> None:
    stack.postgres.process.thaw()


async def slow(stack: Stack) -> None:
    stack.postgres_proxy.slow(0.3)


async def reset_again_and_again(stack: Stack) -> None:
    for _ in range(10):
        await asyncio.to_thread(stack.postgres_proxy.reset_all)
        await asyncio.sleep(0.4)


async def cut_results(stack: Stack) -> None:
    stack.postgres_proxy.cut_after(4_000)
    await asyncio.to_thread(stack.postgres_proxy.reset_all)


async def heal_proxy(stack: Stack) -> None:
    await asyncio.to_thread(stack.postgres_proxy.heal)


async def terminate_backends(stack: Stack) -> None:
    """End sessions as an administrator does, in the middle of their work."""

    def terminate() -> None:
        connection = psycopg2.connect(stack.postgres.url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database()"
            )
        connection.close()

    for _ in range(8):
        await asyncio.to_thread(terminate)
        await asyncio.sleep(0.5)


async def lock_tables(stack: Stack) -> None:
    """Hold the ledger and the budgets for as long as the fault lasts, as a careless migration would."""

    def lock() -> None:
        connection = psycopg2.connect(stack.postgres.url)
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE routing_metrics, accounts_budgetperiod IN ACCESS EXCLUSIVE MODE")
            cursor.execute("SELECT pg_sleep(4.5)")
        connection.close()

    await asyncio.to_thread(lock)


async def take_all_connections(stack: Stack) -> None:
    """End every session, and hold as many as there may be for as long as the fault lasts."""

    def take(held: "list[psycopg2.extensions.connection]") -> None:
        with contextlib.suppress(psycopg2.OperationalError):
            while len(held) < _MOST_CONNECTIONS:
                held.append(psycopg2.connect(stack.postgres.url))

    held: list[psycopg2.extensions.connection] = []
    await asyncio.to_thread(take, held)
    ended = [connection.info.backend_pid for connection in held]
    await asyncio.to_thread(_end_sessions, held[0], ended)
    for _ in range(20):
        await asyncio.to_thread(take, held)
        await asyncio.sleep(0.2)
    for connection in held:
        connection.close()


def _end_sessions(connection: "psycopg2.extensions.connection", but: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> ALL(%s) "
            "AND datname = current_database()",
            [but],
        )
    connection.commit()


def told_soon(found: Evidence) -> Iterator[str]:
    """What begins while the database is away is refused soon, with 503."""
    during = [seen for seen in found.seen if found.harmed_at + 1.5 < seen.began_at < found.healed_at - 2.5]
    if not during:
        yield "nothing was asked while the database was away"
    late = [f"{seen.seconds:.1f} s" for seen in during if seen.status == 503 and seen.seconds > _REFUSED_WITHIN_SECONDS]
    if late:
        yield f"{len(late)} refusals took longer than {_REFUSED_WITHIN_SECONDS:g} s: {late[:3]}"
    others = {seen.status for seen in during if not seen.is_whole} - {503, 200}
    if others:
        yield f"refused with {sorted(map(str, others))}, not 503"


def readiness_told(found: Evidence) -> Iterator[str]:
    """Replicas say that they are not ready while the database is away."""
    during = [
        probe
        for probe in found.probes
        if probe.path == "/health/ready" and found.harmed_at + 3 < probe.at < found.healed_at
    ]
    if during and all(probe.status == 200 for probe in during):
        yield "replicas called themselves ready without a database"


def served_after(found: Evidence) -> Iterator[str]:
    """Five seconds after the fault requests are answered again."""
    after = [seen for seen in found.seen if seen.began_at > found.healed_at + 1.0]
    if not any(seen.is_whole for seen in after):
        yield "nothing was answered after the fault"


CELLS = (
    Cell("A1", "PostgreSQL killed", _USUAL, kill, restart, (told_soon, readiness_told, served_after)),
    Cell("A2", "PostgreSQL frozen", _USUAL, freeze, thaw, (told_soon, served_after)),
    Cell("A3a", "PostgreSQL slow", _USUAL, slow, heal_proxy, (served_after,)),
    Cell("A3b", "connections to PostgreSQL reset", _USUAL, reset_again_and_again, heal_proxy, (served_after,)),
    Cell("A3c", "results of PostgreSQL cut in the middle", _USUAL, cut_results, heal_proxy, (served_after,)),
    Cell("A3d", "sessions of PostgreSQL ended", _USUAL, terminate_backends, heal_proxy, (served_after,)),
    Cell("A4", "ledger and budgets locked", _USUAL, lock_tables, heal_proxy, (served_after,)),
    Cell("A6", "no connection to PostgreSQL left", _USUAL, take_all_connections, heal_proxy, (served_after,)),
)
