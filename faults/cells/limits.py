"""E8: a replica has no file descriptor left, or no memory."""

import asyncio
import contextlib
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from faults.cell import Cell
from faults.evidence import Evidence
from faults.load import PATH, Plan
from faults.stack import Stack, Web
from faults.watch import holding

# Beyond what a replica holds when the fault begins.
FILES_LEFT = 2
BYTES_LEFT = 24 * 2**20
BODIES, BODY_BYTES = 24, 9_000_000
_USUAL = Plan(models=("ok", "ok", "slow_ok_300"), concurrency=40)
_SECONDS = aiohttp.ClientTimeout(total=10)


async def take_files(stack: Stack) -> None:
    """Leave the first replica no room for another file, and have many connect to it."""
    web = stack.web[0]
    stack.unreachable.add(web.port)
    _limit(web, resource.RLIMIT_NOFILE, holding(web.process.pid).files + FILES_LEFT)
    await _crowd(web)


async def _crowd(web: Web) -> None:
    opening = (asyncio.open_connection("127.0.0.1", web.port) for _ in range(50))
    found = await asyncio.gather(*opening, return_exceptions=True)
    await asyncio.sleep(3.0)
    for pair in found:
        if not isinstance(pair, BaseException):
            pair[1].close()


async def give_files(stack: Stack) -> None:
    _limit(stack.web[0], resource.RLIMIT_NOFILE, 4096)


async def take_memory(stack: Stack) -> None:
    """Leave the first replica little memory, and send it what takes much."""
    web = stack.web[0]
    stack.unreachable.add(web.port)
    _limit(web, resource.RLIMIT_AS, _address_bytes(web) + BYTES_LEFT)
    headers = {"Authorization": f"Bearer {stack.clients[0].secret}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(timeout=_SECONDS, headers=headers) as session:
        told = await asyncio.gather(*(_send_much(session, web, number) for number in range(BODIES)))
    strange = sorted({str(status) for status in told} - {"None", "200", "400", "413", "422", "502", "503"})
    if strange:
        stack.problems.append(f"large requests to a replica without memory were answered {strange}")


def _address_bytes(web: Web) -> int:
    pages = int(Path(f"/proc/{web.process.pid}/statm").read_text().split()[0])
    return pages * resource.getpagesize()


async def _send_much(session: aiohttp.ClientSession, web: Web, number: int) -> int | None:
    content = f"{number} " + "word " * (BODY_BYTES // 5)
    body = json.dumps({"model": "ok", "messages": [{"role": "user", "content": content}]}).encode()
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with session.post(web.url + PATH, data=body) as response:
            await response.read()
            return response.status
    return None


async def give_memory(stack: Stack) -> None:
    """End the shortage; who died of it is started again, as whoever runs replicas does."""
    web = stack.web[0]
    if not web.process.is_running:
        stack.killed.add(web.port)
        await asyncio.to_thread(web.start)
        return
    _limit(web, resource.RLIMIT_AS, resource.RLIM_INFINITY)


def _limit(web: Web, what: int, soft: int) -> None:
    hard = resource.prlimit(web.process.pid, what)[1]
    resource.prlimit(web.process.pid, what, (soft, hard))


def others_unharmed(found: Evidence) -> Iterator[str]:
    """A shortage in one replica is none of the other's, and it ends with the shortage."""
    others = [seen for seen in found.seen if int(seen.url.rpartition(":")[2]) not in found.killed]
    refused = [seen.told for seen in others if not seen.is_whole]
    if not others or refused:
        yield f"{len(refused)} of {len(others)} requests to the other replica were not answered: {refused[:3]}"
    after = [seen for seen in found.seen if seen.began_at > found.healed_at + 2.0]
    still = [seen.told for seen in after if not seen.is_whole]
    if after and still:
        yield f"{len(still)} of {len(after)} requests were not answered after the shortage: {still[:3]}"


CELLS = (
    Cell("E8a", "no file descriptor left", _USUAL, take_files, give_files, (others_unharmed,)),
    Cell("E8b", "no memory left", _USUAL, take_memory, give_memory, (others_unharmed,)),
)
