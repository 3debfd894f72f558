"""Bytes of a client, through the server's HTTP protocol to the gateway's entry, and the bytes of the answer.

Whatever comes, what is sent back is HTTP: an answer, or a 4xx in the shape that callers of the path expect. However the
network cuts the bytes, the same requests arrive.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httptools
import orjson
from uvicorn.config import Config
from uvicorn.server import ServerState

from optimizer_project import asgi
from optimizer_project.http_protocol import BoundedHttpProtocol
from routing.gateway import http, requests
from routing.gateway.app import CHAT_PATH, COMPLETE_PATH
from routing.gateway.http import ClientDisconnected, Receive, Scope, Send
from tests.fuzz import mutations
from tests.fuzz.guided.cutting import on_loop, ways
from tests.fuzz.guided.target import Target

# Nothing here takes longer than some rounds of the loop.
MOST_ROUNDS = 200
BODY_SECONDS = 60.0
READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    CHAT_PATH: requests.chat_request,
    COMPLETE_PATH: requests.complete_request,
}
Arrived = tuple[str, str, tuple[tuple[bytes, bytes], ...], bytes]


@dataclass
class Entry:
    """The application: does with a request what the gateway does until it chooses a model."""

    arrived: list[Arrived] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            raw = await self._raw(scope, receive)
            body = requests.parse_json(raw)
            READERS.get(scope["path"], requests.chat_request)(body)
        except ClientDisconnected:
            return
        except Exception as error:
            answer = asgi.gateway.answer_of(error, scope["path"], "fuzzed")
            await http.send_whole(send, answer.status, answer.headers, answer.body, answer.content_type)
        else:
            await http.send_whole(send, 200, {}, b"{}", "application/json")

    async def _raw(self, scope: Scope, receive: Receive) -> bytes:
        headers = http.headers_of(scope)
        raw = await http.read_body(receive, headers, limit=100_000, seconds=BODY_SECONDS)
        self.arrived.append((scope["method"], scope["path"], tuple(scope["headers"]), raw))
        http.check_media_type(headers)
        requests.request_controls(headers, None)
        requests.idempotency_key(headers)
        return raw


class Client(asyncio.Transport):
    """Keeps what is written to it; closed, it tells its protocol, as a socket does."""

    def __init__(self) -> None:
        super().__init__()
        self.received = bytearray()
        self.is_open = True
        self._protocol: asyncio.BaseProtocol | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 40_000), "sockname": ("127.0.0.1", 8000)}.get(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        # As a socket does, which forgets what is written after its end.
        if self.is_open:
            self.received += data

    def is_closing(self) -> bool:
        return not self.is_open

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            asyncio.get_running_loop().call_soon(self.hang_up)

    abort = close

    def pause_reading(self) -> None:
        """What is fed has been read already."""

    def resume_reading(self) -> None:
        """Likewise."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def hang_up(self) -> None:
        protocol, self._protocol = self._protocol, None
        if isinstance(protocol, asyncio.Protocol):
            self.is_open = False
            protocol.connection_lost(None)


class Protocol(BoundedHttpProtocol):
    """The server's, which also says whether it has hung up by itself."""

    was_refused = False

    def _refuse(self, status: int, code: str, message: str) -> None:
        self.was_refused = True
        super()._refuse(status, code, message)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one connection; ``first`` is its first request, with how it was answered."""

    arrived: list[Arrived]
    statuses: list[int]
    is_refused: bool

    @property
    def first(self) -> tuple[list[Arrived], list[int]]:
        return self.arrived[:1], [status for status in self.statuses if status != 100][:1]


class Answers:
    """Reads what was sent back, by another parser's eyes."""

    def __init__(self, received: bytes) -> None:
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self._headers: dict[bytes, bytes] = {}
        self.parser = httptools.HttpResponseParser(self)
        if received:
            self.parser.feed_data(received)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.statuses.append(self.parser.get_status_code())
        self.bodies.append(b"")

    def on_body(self, part: bytes) -> None:
        self.bodies[-1] += part


def check(data: bytes) -> str:
    whole, *cut = [on_loop(_exchange(reads)) for reads in ways(data)]
    for outcome in cut:
        # What is no HTTP ends the connection as soon as it is read, which may be before anything else was answered.
        if not whole.is_refused and not outcome.is_refused:
            # An answer may end the connection, so how far further requests come depends on the reads as well.
            assert outcome.first == whole.first, f"cut otherwise it is {outcome.first}, and as a whole {whole.first}"
    return str(whole.statuses[0]) if whole.statuses else "nothing"


async def _exchange(reads: list[bytes]) -> Outcome:
    entry, client, state = Entry(), Client(), ServerState()
    protocol = Protocol(_config(entry), state, {})
    client.set_protocol(protocol)
    protocol.connection_made(client)
    for read in reads:
        if client.is_closing():
            break
        protocol.data_received(read)
        await asyncio.sleep(0)
    await _rounds(state)
    client.hang_up()
    await _rounds(state)
    assert not state.tasks, "a request goes on without its client"
    return Outcome(
        entry.arrived,
        _statuses(bytes(client.received), may_lack_bodies=b"HEAD " in b"".join(reads)),
        is_refused=protocol.was_refused,
    )


async def _rounds(state: ServerState) -> None:
    for _ in range(MOST_ROUNDS):
        if not state.tasks:
            break
        await asyncio.sleep(0)


def _statuses(received: bytes, *, may_lack_bodies: bool) -> list[int]:
    answers = _without_lengths(received) if may_lack_bodies else _answers(received)
    for status, body in answers:
        assert status in (100, 200) or 400 <= status < 500, f"answered {status}: {body[:300]!r}"
        is_without = may_lack_bodies and not body
        assert status < 400 or is_without or _is_error(body), f"an error in no shape that callers know: {body[:300]!r}"
    return [status for status, _ in answers]


def _answers(received: bytes) -> list[tuple[int, bytes]]:
    answers = Answers(received)
    return list(zip(answers.statuses, answers.bodies, strict=True))


def _without_lengths(received: bytes) -> list[tuple[int, bytes]]:
    """Read answers of which some are to HEAD: they state a length and have no body, so the next one follows at once."""
    parts = [part for part in re.split(rb"(?=HTTP/1\.1 \d{3} )", received) if part]
    return [(int(part[9:12]), part.partition(b"\r\n\r\n")[2]) for part in parts]


def _is_error(body: bytes) -> bool:
    error = orjson.loads(body)
    if list(error) == ["detail"]:
        return bool(error["detail"])
    return list(error) == ["error"] and set(error["error"]) == {"message", "type", "code", "param"}


def _config(entry: Entry) -> Config:
    config = Config(app=entry, http=BoundedHttpProtocol, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    return config


def _request(path: str, body: bytes, *lines: bytes, method: bytes = b"POST") -> bytes:
    head = b"\r\n".join([method + b" " + path.encode() + b" HTTP/1.1", b"Host: localhost", *lines])
    return head + b"\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


_JSON = b"Content-Type: application/json"
_CHAT = b'{"model":"auto","messages":[{"role":"user","content":"Hello"}]}'
_CHUNKED_HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
TARGETS = {
    "http-requests": Target(
        check,
        {
            "chat": _request(CHAT_PATH, _CHAT, _JSON, b"Authorization: Bearer aco-0123"),
            "full": _request(CHAT_PATH, orjson.dumps(mutations.VALID), _JSON + b"; charset=utf-8"),
            "complete": _request(COMPLETE_PATH, b'{"prompt":"Hello"}', _JSON),
            "chunked": _CHUNKED_HEAD + b'2\r\n{"\r\n3;a="b"\r\nx":\r\n2\r\n1}\r\n0\r\nTrailer: x\r\n\r\n',
            "controls": _request(
                CHAT_PATH,
                _CHAT,
                b"x-optimizer-task: invoice",
                b"x-optimizer-min-quality: 0.5",
                b"x-optimizer-max-cost-usd: 0.01",
                b"x-optimizer-cache: no-store",
                b"x-optimizer-experiment: 7",
                b"Idempotency-Key: k-1",
            ),
            "two": _request(CHAT_PATH, _CHAT) + _request(COMPLETE_PATH, b"{}"),
            "expects": _request(CHAT_PATH, b"{}", b"Expect: 100-continue"),
            "upgrade": _request("/", b"", b"Connection: Upgrade", b"Upgrade: websocket", method=b"GET"),
            "closed": _request(CHAT_PATH, b"{}", b"Connection: close") + b"more",
            "head": _request(CHAT_PATH, b"", method=b"HEAD"),
            "no address": _request("mplete", b"{}", method=b"CONNECT"),
            "after head": _request(CHAT_PATH, b"", method=b"HEAD") + b"HELO",
            "no request": b"HELO there\r\n",
        },
        (
            b"POST ",
            b"GET ",
            b"HEAD ",
            b"OPTIONS ",
            b"CONNECT ",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b" HTTP/1.1\r\n",
            b" HTTP/1.0\r\n",
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b"/v1/chat/completions",
            b"/complete",
            b"http://a/",
            b"*",
            b"Host: ",
            b"Content-Length: ",
            b"Transfer-Encoding: ",
            b"chunked",
            b"gzip",
            b"identity",
            b"Connection: ",
            b"close",
            b"keep-alive",
            b"Upgrade: ",
            b"websocket",
            b"h2c",
            b"Expect: ",
            b"100-continue",
            b"Content-Type: ",
            b"application/json",
            b"; charset=",
            b"utf-16",
            b"Content-Encoding: ",
            b"Idempotency-Key: ",
            b"x-optimizer-",
            b"min-quality: ",
            b"max-cost-usd: ",
            b"experiment: ",
            b"session: ",
            b"NaN",
            b"1E-999999",
            b"\xb2",
            b"%00",
            b"%ff",
            b"%2e%2e/",
            b"0\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b"18446744073709551616",
            b"-1",
            b"\0",
            b"\xff",
            b";",
        ),
    )
}
