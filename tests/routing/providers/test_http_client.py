"""The HTTP client's exchanges and the connections it keeps between them."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from yarl import URL

from routing.providers.http_client import UNCHECKED_SECONDS, HttpClient
from routing.providers.http_connection import HttpConnection
from routing.providers.http_errors import ConnectFailed, Disconnected
from routing.providers.http_response import HIGH_WATER_BYTES
from tests.routing.providers.asking import OK, ask, whole
from tests.routing.providers.raw_server import serving


async def test_request_is_written_as_http_and_the_answer_read(client: HttpClient) -> None:
    answer = b"HTTP/1.1 429 Slow down\r\nretry-after: 7\r\nContent-Length: 2\r\n\r\nno"
    async with serving(answer) as server:
        response = await ask(client, server.url, body=b'{"a":1}', Accept="text/event-stream")
        body = await whole(response)

    assert (response.status, response.headers["Retry-After"], body) == (429, "7", b"no")
    assert server.requests == [
        b"POST /v1/chat HTTP/1.1\r\n"
        b"Host: localhost:%d\r\n"
        b"User-Agent: ai-cost-optimizer\r\n"
        b"Accept: text/event-stream\r\n"
        b"Content-Length: 7\r\n\r\n"
        b'{"a":1}' % (server.url.port or 0)
    ]


async def test_connection_is_kept_and_the_one_used_last_is_used_first(client: HttpClient) -> None:
    async with serving(OK, OK, OK) as server:
        for _ in range(3):
            assert await whole(await ask(client, server.url)) == b"ok"

    assert (server.connections, len(server.requests)) == (1, 3)


async def test_simultaneous_requests_have_a_connection_each(client: HttpClient) -> None:
    async with serving(OK, OK, OK) as server:
        responses = await asyncio.gather(*(ask(client, server.url) for _ in range(3)))
        bodies = [await whole(response) for response in responses]

    assert bodies == [b"ok", b"ok", b"ok"]
    assert server.connections == 3


async def test_idle_connections_are_capped_and_closed_in_time() -> None:
    client = HttpClient(max_idle_per_origin=2, idle_seconds=0.1)
    async with serving(OK, OK, OK) as server:
        await asyncio.gather(*(ask(client, server.url) for _ in range(3)))
        assert client.idle_connections == 2
        await asyncio.sleep(0.25)
        assert client.idle_connections == 0
    await client.aclose()


async def test_connection_closed_while_idle_is_not_used_again(client: HttpClient) -> None:
    async def answer_and_hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)

    async with serving(answer_and_hang_up, OK) as server:
        assert await whole(await ask(client, server.url)) == b"ok"
        await asyncio.sleep(0.05)
        assert client.idle_connections == 0
        assert await whole(await ask(client, server.url)) == b"ok"

    assert (server.connections, len(server.requests)) == (2, 2)


async def test_connection_closed_at_its_next_use_is_not_tried_again(client: HttpClient) -> None:
    # The request may have been received and may be billed: only the caller may decide to send it once more.
    async with serving(OK, b"", OK) as server:
        await whole(await ask(client, server.url))
        with pytest.raises(Disconnected):
            await ask(client, server.url)

    assert (server.connections, len(server.requests)) == (1, 2)


async def test_fast_server_waits_for_a_slow_reader(client: HttpClient) -> None:
    written = 0

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
        for _ in range(1024):
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536

    async with serving(pour) as server:
        response = await ask(client, server.url)
        await asyncio.sleep(0.3)
        first = await response.read_any()
        # Ours holds the mark and one read; the rest waits in the kernel's buffers, 6 MB at the most, and the server's.
        assert HIGH_WATER_BYTES // 2 < len(first) <= HIGH_WATER_BYTES + 256 * 1024
        assert written < 16 * 1024 * 1024
        assert len(first) + len(await whole(response)) == 64 * 1024 * 1024
        assert response.is_complete


async def test_cancelled_exchange_does_not_poison_the_pool(client: HttpClient) -> None:
    async def never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)

    async with serving(OK, never, OK) as server:
        await whole(await ask(client, server.url))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask(client, server.url)
        assert client.idle_connections == 0
        assert await whole(await ask(client, server.url)) == b"ok"

    assert server.connections == 2


async def test_answer_left_half_read_does_not_poison_the_pool(client: HttpClient) -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", OK) as server:
        response = await ask(client, server.url)
        assert await response.read_any() == b"ok"
        response.close()
        assert await whole(await ask(client, server.url)) == b"ok"

    assert server.connections == 2


async def test_deadline_ends_the_wait_for_head_and_body(client: HttpClient) -> None:
    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        await asyncio.sleep(1)

    async with serving(half, half) as server:
        response = await ask(client, server.url, seconds=0.1)
        assert await response.read_any() == b"ok"
        with pytest.raises(TimeoutError):
            await response.read_any()
        moved = await ask(client, server.url, seconds=0.1)
        moved.expire_at(asyncio.get_running_loop().time() + 0.3)
        assert await moved.read_any() == b"ok"
        await asyncio.sleep(0.2)
        assert not moved.is_complete
        with pytest.raises(TimeoutError):
            await moved.read_any()


async def test_closing_the_client_ends_what_is_under_way() -> None:
    client = HttpClient()
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok") as server:
        response = await ask(client, server.url)
        await client.aclose()
        assert await response.read_any() == b"ok"
        with pytest.raises(Disconnected):
            await response.read_any()


async def test_closed_client_opens_nothing_more() -> None:
    client = HttpClient()
    async with serving(OK) as server:
        await client.aclose()
        with pytest.raises(ConnectFailed, match="closed"):
            await ask(client, server.url)

    assert server.connections == 0


async def test_what_the_loop_has_not_read_yet_is_seen() -> None:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    lost: list[HttpConnection] = []
    connection = HttpConnection(loop, lost.append, lost.append)
    await loop.create_connection(lambda: connection, sock=ours)
    assert not connection.has_unread
    theirs.close()
    assert connection.is_usable
    assert connection.has_unread
    await asyncio.sleep(0.05)
    assert lost == [connection]


@pytest.fixture
def hangs_up_once() -> Iterator[URL]:
    """A server with a thread of its own, which closes its first connection a moment after its answer."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(OK)
                time.sleep(0.1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield URL(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    thread.join()
    listener.close()


async def test_end_that_a_busy_loop_has_not_seen_yet_costs_no_request(client: HttpClient, hangs_up_once: URL) -> None:
    assert await whole(await ask(client, hangs_up_once)) == b"ok"
    time.sleep(UNCHECKED_SECONDS + 0.1)  # noqa: ASYNC251 - the loop is to be too busy to notice
    assert client.idle_connections == 1
    assert await whole(await ask(client, hangs_up_once)) == b"ok"
