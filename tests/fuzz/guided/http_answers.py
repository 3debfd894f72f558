"""What a provider sends over HTTP: an answer with its body, or an error; the same however the network cuts it."""

from routing.providers import errors
from tests.fuzz.guided.cutting import on_loop, ways
from tests.fuzz.guided.target import Target
from tests.fuzz.guided.wire import OneAnswer

Outcome = tuple[str, int, tuple[tuple[str, str], ...], bytes]


def check(data: bytes) -> str:
    whole, *cut = [on_loop(_outcome(reads)) for reads in ways(data)]
    for outcome in cut:
        assert outcome == whole, f"cut otherwise it is {outcome}, and as a whole {whole}"
    return whole[0]


async def _outcome(reads: list[bytes]) -> Outcome:
    client = OneAnswer(reads)
    response = client.ask()
    parts: list[bytes] = []
    end = "whole"
    try:
        await response.wait_for_head()
        while part := await response.read_any():
            parts.append(part)
    except errors.FAILURES as error:
        end = type(error).__name__
    await client.finish()
    return end, response.status, tuple(sorted(response.headers.items())), b"".join(parts)


_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TARGETS = {
    "http-answers": Target(
        check,
        seeds={
            "length": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            "chunks": _CHUNKED + b"5\r\nhello\r\n1;a=b\r\n \r\n0\r\nTrailer: x\r\n\r\n",
            "until the end": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it",
            "hints": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
            "no body": b"HTTP/1.1 204 No Content\r\n\r\n",
            "old": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
            "two answers": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n",
            "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        },
        words=(
            b"HTTP/1.1 ",
            b"HTTP/1.0 ",
            b"HTTP/2.0 ",
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b"\r",
            b": ",
            b"Content-Length: ",
            b"Transfer-Encoding: ",
            b"chunked",
            b"gzip, chunked",
            b"identity",
            b"Connection: ",
            b"close",
            b"keep-alive",
            b"Upgrade: ",
            b"upgrade",
            b"Trailer: ",
            b"0\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b"10000000000000000\r\n",
            b"18446744073709551615",
            b"18446744073709551616",
            b"-1",
            b"+2",
            b"0x2",
            b" \t",
            b"\0",
            b"\xff",
            b"100",
            b"199",
            b"204",
            b"304",
            b"999",
            b"000",
            b';a="b"',
        ),
    )
}
