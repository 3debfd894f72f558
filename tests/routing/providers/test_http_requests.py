"""What the HTTP client writes: a head that nobody can add to, and a body no faster than it is read."""

import asyncio
import ssl

import pytest
from yarl import URL

from routing.providers import http_request
from routing.providers.http_client import HttpClient
from routing.providers.http_errors import Disconnected, InvalidHeader, InvalidUrl
from tests.routing.providers.asking import OK, ask, whole
from tests.routing.providers.raw_server import serving

LARGE = bytes(range(256)) * 128 * 1024
"""32 MiB, far more than the buffers of both sockets hold."""


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\x00b", "\ud800"])
async def test_header_cannot_smuggle_another(client: HttpClient, value: str) -> None:
    with pytest.raises(InvalidHeader) as raised:
        await ask(client, URL("http://127.0.0.1:9/"), Authorization=value)

    assert value not in str(raised.value)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "/v1", "http://user:secret@127.0.0.1/"])
async def test_url_that_cannot_be_asked_is_refused(client: HttpClient, url: str) -> None:
    with pytest.raises(InvalidUrl) as raised:
        await ask(client, URL(url))

    assert "secret" not in str(raised.value)


def test_url_cannot_smuggle_a_header() -> None:
    url = URL.build(scheme="http", host="127.0.0.1", path="/a b\r\nX: y", query_string="q=\r\nX: y")
    assert "\r\nX" not in http_request.target_of("POST", url).head
    raw = URL.build(scheme="http", host="127.0.0.1", path="/a\r\nX:y", encoded=True)
    with pytest.raises(InvalidUrl):
        http_request.target_of("POST", raw)


async def test_large_body_arrives_whole_and_the_connection_is_kept(client: HttpClient) -> None:
    async with serving(OK, OK) as server:
        for _ in range(2):
            assert await whole(await ask(client, server.url, body=LARGE)) == b"ok"

    assert server.connections == 1
    assert [request.endswith(b"\r\n\r\n" + LARGE) for request in server.requests] == [True, True]


async def test_large_body_is_written_as_fast_as_it_is_read_over_tls(
    trusted: ssl.SSLContext, server_tls: ssl.SSLContext
) -> None:
    client = HttpClient(tls=trusted)
    async with serving(OK, OK, tls=server_tls) as server:
        for _ in range(2):
            assert await whole(await ask(client, server.url, body=LARGE)) == b"ok"
    await client.aclose()

    assert server.connections == 1
    assert [request.endswith(b"\r\n\r\n" + LARGE) for request in server.requests] == [True, True]


@pytest.mark.parametrize("is_tls", [False, True])
async def test_refusal_before_the_request_is_written_out_is_read_and_ends_the_writing(
    trusted: ssl.SSLContext, server_tls: ssl.SSLContext, is_tls: bool
) -> None:
    has_ended = asyncio.Event()

    async def refuse_unread(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too large\r\nContent-Length: 2\r\n\r\nno")
        unread = 0
        while read := await reader.read(65536):
            unread += len(read)
        assert unread < len(LARGE)
        has_ended.set()

    client = HttpClient(tls=trusted)
    async with serving(refuse_unread, reads_requests=False, tls=server_tls if is_tls else None) as server:
        response = await ask(client, server.url, body=LARGE)
        assert (response.status, await whole(response)) == (413, b"no")
        assert client.idle_connections == 0
        async with asyncio.timeout(2):
            await has_ended.wait()
        assert client.open_connections == 0
    await client.aclose()


async def test_refusal_and_hang_up_at_once_are_still_read(client: HttpClient) -> None:
    async def refuse_and_reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too large\r\nContent-Length: 2\r\n\r\nno")

    async with serving(refuse_and_reset, reads_requests=False) as server:
        response = await ask(client, server.url, body=LARGE)
        assert (response.status, await whole(response)) == (413, b"no")


@pytest.mark.parametrize("is_tls", [False, True])
async def test_server_that_stops_reading_is_given_up_at_the_deadline(
    trusted: ssl.SSLContext, server_tls: ssl.SSLContext, is_tls: bool
) -> None:
    async def stop_reading(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    client = HttpClient(tls=trusted)
    loop = asyncio.get_running_loop()
    async with serving(stop_reading, reads_requests=False, tls=server_tls if is_tls else None) as server:
        began_at = loop.time()
        with pytest.raises(TimeoutError):
            await ask(client, server.url, body=LARGE, seconds=0.5)
        assert loop.time() - began_at < 2
        await asyncio.sleep(0.05)
        assert client.open_connections == 0
    await client.aclose()


async def test_hang_up_in_the_middle_of_a_large_body_ends_the_exchange(client: HttpClient) -> None:
    async def read_some(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1024 * 1024)

    async with serving(read_some, reads_requests=False) as server:
        with pytest.raises(Disconnected):
            await ask(client, server.url, body=LARGE)
        await asyncio.sleep(0.05)
        assert client.open_connections == 0


async def test_half_closed_connection_is_given_up_though_its_request_is_not_written_out(client: HttpClient) -> None:
    async def send_the_end(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        await asyncio.sleep(5)

    async with serving(send_the_end, reads_requests=False) as server:
        async with asyncio.timeout(2):
            with pytest.raises(Disconnected):
                await ask(client, server.url, body=LARGE)


async def test_writer_that_is_cancelled_leaves_nothing_open(client: HttpClient) -> None:
    async def stop_reading(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async with serving(stop_reading, reads_requests=False) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await ask(client, server.url, body=LARGE)
        await asyncio.sleep(0.05)
        assert client.open_connections == 0
