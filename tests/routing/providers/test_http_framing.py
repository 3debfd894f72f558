"""Where an answer ends: by its length, its chunks or its connection; and what is refused because nobody could tell."""

import asyncio
import socket
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.providers.http_client import HttpClient
from routing.providers.http_connection import HttpConnection
from routing.providers.http_errors import BadResponse, Disconnected
from tests.routing.providers.asking import OK, PATIENT_SECONDS, ask, whole
from tests.routing.providers.raw_server import serving

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class SilentTransport(asyncio.Transport):
    """Takes everything and gives nothing: what comes back is handed over by the test."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        pass


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"garbage",
        OK + OK,
        OK + b"H",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_connection_that_cannot_be_trusted_further_is_closed(client: HttpClient, answer: bytes) -> None:
    async with serving(answer, OK) as server:
        assert await whole(await ask(client, server.url)) == b"ok"
        assert client.idle_connections == 0
        assert await whole(await ask(client, server.url)) == b"ok"

    assert server.connections == 2


async def test_bytes_that_nobody_asked_for_close_an_idle_connection(client: HttpClient) -> None:
    async def answer_twice(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await asyncio.sleep(0.05)
        writer.write(OK)
        await asyncio.sleep(0.2)

    async with serving(answer_twice) as server:
        await whole(await ask(client, server.url))
        assert client.idle_connections == 1
        await asyncio.sleep(0.1)
        assert client.idle_connections == 0


@pytest.mark.parametrize("status", [b"204 No content", b"304 Not modified"])
@pytest.mark.parametrize("length", [b"", b"Content-Length: 2\r\n"])
async def test_answer_that_has_no_body_is_whole_with_its_head(client: HttpClient, status: bytes, length: bytes) -> None:
    # Some servers send one all the same, so the connection is not used again.
    async with serving(b"HTTP/1.1 %s\r\n%s\r\nok" % (status, length), OK) as server:
        response = await ask(client, server.url)
        assert (await whole(response), response.is_complete) == (b"", True)
        assert client.idle_connections == 0
        assert await whole(await ask(client, server.url)) == b"ok"


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
async def test_answer_may_be_cut_anywhere(client: HttpClient, piece: int) -> None:
    answer = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5;a="b"\r\nhello\r\n1\r\n \r\n6\r\nworld!\r\n0\r\nTrailer: x\r\n\r\n'
    )

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(answer), piece):
            writer.write(answer[start : start + piece])
            await asyncio.sleep(0)
        await asyncio.sleep(0.5)

    async with serving(drip) as server:
        response = await ask(client, server.url)
        assert await whole(response) == b"hello world!"
        assert (response.status, "Link" in response.headers) == (200, False)
        assert client.idle_connections == 1


@given(parts=st.lists(st.binary(min_size=1, max_size=20), max_size=8), cuts=st.sets(st.integers(1, 300)))
def test_chunked_body_is_the_same_however_it_is_cut(parts: list[bytes], cuts: set[int]) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    async def exchange() -> bytes:
        loop = asyncio.get_running_loop()
        freed: list[HttpConnection] = []
        connection = HttpConnection(loop, freed.append, freed.append)
        connection.connection_made(SilentTransport())
        response = connection.send(b"", b"", loop.time() + PATIENT_SECONDS)
        edges = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
        for start, end in pairwise(edges):
            connection.data_received(answer[start:end])
        assert freed == [connection]
        return await whole(response)

    assert asyncio.run(exchange()) == b"".join(parts)


async def test_body_without_a_length_ends_with_the_connection(client: HttpClient) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of")
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(b" it")

    async with serving(answer) as server:
        assert await whole(await ask(client, server.url)) == b"all of it"
        assert client.idle_connections == 0


@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok",
    ],
)
async def test_body_cut_short_is_an_error_after_what_has_come(client: HttpClient, cut: bytes) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(cut)

    async with serving(answer) as server:
        response = await ask(client, server.url)
        assert await response.read_any() == b"ok"
        with pytest.raises(Disconnected):
            await response.read_any()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n , gzip\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 099 What\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    ],
)
async def test_what_is_no_answer_is_refused(client: HttpClient, answer: bytes) -> None:
    async with serving(answer) as server:
        with pytest.raises(BadResponse):
            await ask(client, server.url)


@pytest.mark.parametrize(
    "rest",
    [
        b"fffffffffffffffff\r\nok",
        b"-2\r\nok\r\n0\r\n\r\n",
        b"0x2\r\nok\r\n0\r\n\r\n",
        b"2\r\nokay\r\n0\r\n\r\n",
        b"2;" + b"x" * 200_000,
        b"2\r\nok\r\n0\r\n" + b"X: y\r\n" * 200_000,
    ],
    ids=["overflow", "negative", "not hexadecimal", "longer than its size", "extension", "trailers"],
)
async def test_chunks_that_are_none_or_endless_are_refused(client: HttpClient, rest: bytes) -> None:
    async with serving(CHUNKED + rest) as server:
        response = await ask(client, server.url)
        with pytest.raises(BadResponse):
            await whole(response)
        await asyncio.sleep(0.05)
        assert client.open_connections == 0


async def test_trailer_changes_nothing_of_the_head(client: HttpClient) -> None:
    async with serving(CHUNKED + b"2\r\nok\r\n0\r\nRetry-After: 9\r\nTransfer-Encoding: gzip\r\n\r\n") as server:
        response = await ask(client, server.url)
        assert await whole(response) == b"ok"
        assert dict(response.headers) == {"transfer-encoding": "chunked"}


async def test_huge_chunk_is_read_piece_by_piece(client: HttpClient) -> None:
    async with serving(CHUNKED + b"7fffffffffffffff\r\n" + b"x" * 1000) as server:
        response = await ask(client, server.url)
        assert await response.read_any() == b"x" * 1000


async def test_reset_does_not_end_a_body_without_a_length(client: HttpClient) -> None:
    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of")
        await asyncio.sleep(0.05)
        linger_none = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)

    async with serving(reset) as server:
        response = await ask(client, server.url)
        assert await response.read_any() == b"half of"
        with pytest.raises(Disconnected):
            await response.read_any()
