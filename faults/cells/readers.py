"""D2: clients that read a thousand bytes a second, or nothing at all, of answers of megabytes."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from faults.cell import Cell
from faults.cells.providers import good_ones_served
from faults.evidence import Evidence
from faults.load import PATH, Client, Plan
from faults.stack import Stack
from faults.watch import holding
from tests.fake_upstream.faults import LONG_TEXT

READERS = 8
BYTES_A_SECOND = 1000
# Thirteen megabytes each, four of them at one replica: held in memory, they would take more than this.
MORE_MEBIBYTES = 30.0
# Each reads 45 KB at most. The rest that its replica takes is in the system's buffer for the client: four megabytes at
# most as systems are set up. Without a throttle all thirteen would be taken.
MOST_BYTES_EACH = 8_000_000
# The gateway waits half a minute for a client to take a block.
_GIVEN_UP_SECONDS = 45.0
_RECEIVE_BUFFER_BYTES = 4096


async def read_slowly(stack: Stack) -> None:
    """Ask for long answers and take little of them, while what the replicas hold is looked at."""
    before, passed_before = _mebibytes(stack), stack.upstream_proxy.passed_bytes
    with contextlib.ExitStack() as leaving:
        connections = []
        for number in range(READERS):
            connections.append(leaving.enter_context(socket.socket()))
            reading = asyncio.create_task(_read(stack, number, connections[-1]))
            leaving.callback(reading.cancel)
            # The provider has one thread, and so many megabytes to write.
            await asyncio.sleep(0.5)
        most, taken, held = await _most_held(
            stack, {connection.getsockname()[1] for connection in connections}, passed_before
        )
    if held:
        stack.problems.append(f"{held} of {READERS} clients that do not read were not given up")
    if not taken:
        stack.problems.append("no answer was on its way to a client that does not read")
    if taken > READERS * MOST_BYTES_EACH:
        stack.problems.append(f"{taken / 1e6:.0f} MB were taken of the provider for {READERS} clients that do not read")
    for now, then in zip(most, before, strict=True):
        if now > then + MORE_MEBIBYTES:
            stack.problems.append(f"a replica took {now:.0f} MiB for slow readers, {then:.0f} before")


def _unread(port: int) -> int:
    """Return the bytes that the system holds of what was sent by the server at a port and not yet read."""
    found = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        to_send, to_read = (int(queue, 16) for queue in fields[4].split(":"))
        found += to_send * (_port(fields[1]) == port) + to_read * (_port(fields[2]) == port)
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


async def _most_held(stack: Stack, ports: set[int], passed_before: int) -> tuple[list[float], int, int]:
    """Return what slow readers cost at most, and how many of their connections the replicas kept for too long.

    It is the memory that each replica took, and the bytes they read of the provider's answers before the first client
    was given up. What waits for a replica in the system's buffers, which grow to tens of megabytes, it has not taken.
    """
    most, taken, ends_at = _mebibytes(stack), 0, time.monotonic() + _GIVEN_UP_SECONDS
    while (held := _held(ports)) and time.monotonic() < ends_at:
        most = [max(pair) for pair in zip(most, _mebibytes(stack), strict=True)]
        if held == READERS:
            passed = stack.upstream_proxy.passed_bytes - passed_before
            taken = max(taken, passed - _unread(stack.upstream_proxy.port))
        await asyncio.sleep(0.5)
    return most, taken, held


def _mebibytes(stack: Stack) -> list[float]:
    return [holding(web.process.pid).mebibytes for web in stack.web]


def _held(ports: set[int]) -> int:
    """Count the server's ends of connections from these ports that belong to a process.

    A connection that its process has given up stays with the system for as long as its client acknowledges.
    """
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        count += _port(fields[2]) in ports and fields[9] != "0"
    return count


async def _read(stack: Stack, number: int, connection: socket.socket) -> None:
    """Read slowly, every other client not at all, and never leave."""
    client, port = stack.clients[number % len(stack.clients)], stack.web[number % len(stack.web)].port
    loop = asyncio.get_running_loop()
    # The system must not take for the client what the client does not take.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    connection.setblocking(False)
    await loop.sock_connect(connection, ("127.0.0.1", port))
    await loop.sock_sendall(connection, _request(client, number))
    while number % 4 < 2:
        await asyncio.sleep(1.0)
        with contextlib.suppress(ConnectionError):
            await loop.sock_recv(connection, BYTES_A_SECOND)


def _request(client: Client, number: int) -> bytes:
    content = f"Say much about {client.canary}, reader {number}"
    fields = {"model": LONG_TEXT, "messages": [{"role": "user", "content": content}], "stream": True, "max_tokens": 200}
    body = json.dumps(fields).encode()
    lines = [f"POST {PATH} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {client.secret}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def partial_rows(found: Evidence) -> Iterator[str]:
    """An answer that nobody took to its end is in the ledger as such."""
    states = {row["state"] for row, attempt in found.attempts() if attempt["model"] == LONG_TEXT}
    if states != {"partial"}:
        yield f"answers to slow readers are in the ledger as {sorted(states)}"


CELLS = (
    Cell(
        "D2",
        "clients that read next to nothing",
        Plan(models=("ok", "ok", "slow_chunk"), concurrency=8, seconds=52.0),
        read_slowly,
        expect=(good_ones_served, partial_rows),
    ),
)
