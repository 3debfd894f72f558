"""A: the database has no room left, and the database is a file that two processes write."""

import asyncio
import contextlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from faults.cell import Cell
from faults.cells import database
from faults.evidence import Evidence
from faults.load import Plan
from faults.servers import CannotHappenHere
from faults.stack import PROJECT_DIR, Stack

ROOM = "40m"
_BLOCK = b"\0" * 65_536
_USUAL = Plan(models=("ok", "ok", "slow_chunk", "slow_ok_300"))
_READS = ("/v1/models", "/stats", "/routing/decision?prompt=What+is+love")
_SECONDS = aiohttp.ClientTimeout(total=10)
# Longer than a request waits for its turn, shorter than SQLite's own patience.
_HELD_SECONDS = 3.0


async def move_to_small_disk(stack: Stack) -> None:
    """Put all tables and indexes on a disk of their own; the write-ahead log stays where it is."""
    await asyncio.to_thread(_move, stack)
    await asyncio.to_thread(_watch_errors, stack)


def _small_disk(stack: Stack) -> Path:
    return stack.folder / "small-disk"


def _move(stack: Stack) -> None:
    disk = _small_disk(stack)
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(disk)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotHappenHere("a file system of 40 MB may not be mounted here: run it as root") from error
    stack.afterwards.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=False)
    data = disk / "data"
    data.mkdir()
    shutil.chown(data, "postgres", "postgres")
    with contextlib.closing(stack.postgres.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 60000")
        cursor.execute("CREATE TABLESPACE small LOCATION %s", [str(data)])
        for kind in ("TABLE", "INDEX"):
            cursor.execute(f"ALTER {kind} ALL IN TABLESPACE pg_default SET TABLESPACE small")


async def fill(stack: Stack) -> None:
    """Take all room that is left, for as long as the fault lasts, and read meanwhile."""
    await asyncio.to_thread(_fill, _small_disk(stack) / "ballast")
    await asyncio.sleep(1.0)
    async with aiohttp.ClientSession(timeout=_SECONDS) as session:
        for url in stack.urls:
            for path in _READS:
                await _read(session, stack, url + path)


def _fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(_BLOCK)


async def _read(session: aiohttp.ClientSession, stack: Stack, address: str) -> None:
    async with session.get(address, headers={"Authorization": f"Bearer {stack.clients[0].secret}"}) as response:
        if response.status != 200:
            stack.problems.append(f"on a full disk, GET {address} was answered {response.status}")


async def make_room(stack: Stack) -> None:
    """Give the ballast up, which is what it is for."""
    (_small_disk(stack) / "ballast").unlink()


def _watch_errors(stack: Stack) -> None:
    """Evaluate the alert rules as the worker does; failing requests fire at once, not after five minutes."""
    from monitoring.models import AlertRule

    AlertRule.objects.filter(slug="api-errors").update(hold_seconds=0)
    command = [sys.executable, "manage.py", "optimizer", "alerts", "evaluate"]
    subprocess.run(command, env=stack.environment, cwd=PROJECT_DIR, check=True, capture_output=True)


async def alert_raised(stack: Stack) -> None:
    """When the rules are evaluated next, people are told of the requests that were refused."""
    stack.problems += await asyncio.to_thread(lambda: list(_not_told(stack)))


def _not_told(stack: Stack) -> Iterator[str]:
    from monitoring.models import Alert

    _watch_errors(stack)
    told = Alert.objects.filter(kind="api-errors", subject="completions")
    if not told.filter(state=Alert.State.FIRING).exists():
        yield f"requests that were refused on a full disk raised no alert: {list(told.values_list('state', 'message'))}"


def refused_on_full_disk(found: Evidence) -> Iterator[str]:
    """What the database could not take is refused with 503, and something was; else the disk was not full."""
    during = [seen for seen in found.seen if found.harmed_at + 1.5 < seen.began_at < found.healed_at - 1.0]
    told = Counter(seen.told for seen in during if not seen.is_whole)
    if not told:
        yield f"all of {len(during)} requests were served on a full disk"
    others = [name for name in told if ": 503" not in name]
    if others:
        yield f"refused otherwise than with 503: {others[:3]}"


async def hold_the_file_and_kill(stack: Stack) -> None:
    """Write from outside for longer than a request waits, then kill a replica at its work."""
    path = Path(stack.store.url.removeprefix("sqlite:///"))
    await asyncio.to_thread(_hold, path)
    await asyncio.sleep(random.Random(len(stack.seen)).uniform(0.2, 0.8))
    stack.killed.add(stack.web[0].port)
    await asyncio.to_thread(stack.web[0].process.kill)


def _hold(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(_HELD_SECONDS)
        connection.execute("COMMIT")


async def start_it(stack: Stack) -> None:
    await asyncio.to_thread(stack.web[0].start)


CELLS = (
    Cell(
        "A5",
        "no room left on PostgreSQL's disk",
        _USUAL,
        fill,
        make_room,
        (refused_on_full_disk, database.served_after),
        prepare=move_to_small_disk,
        finish=alert_raised,
    ),
    Cell(
        "A7",
        "SQLite locked by another writer, a replica killed",
        _USUAL,
        hold_the_file_and_kill,
        start_it,
        (database.served_after,),
        on_sqlite=True,
    ),
)
