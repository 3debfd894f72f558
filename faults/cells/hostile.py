"""D5: what no client means well by, on raw sockets, while others are served."""

import asyncio
import functools
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from faults.cell import Cell
from faults.cells.providers import good_ones_served
from faults.load import Plan
from faults.stack import Stack
from tests.hostile.corpus import CHAT_BODIES, COMPLETE_BODIES, QUERIES
from tests.hostile.raw import CHAT, COMPLETE, JSON, Answer, RawClient, chat_body, is_error_of

# One at a time, so that those who mean well are held up by what one input costs, not by how many are sent.
AT_ONCE = 1
DRIPPING = 40
# A slow head is given up after twenty seconds: five, and what a body may take.
_GIVEN_UP_SECONDS = 24.0
_ANSWER_SECONDS = 10.0
_HUGE = 100_000_000

_Case = tuple[str, str, int | None, Callable[[RawClient], Answer]]


async def send_all(stack: Stack) -> None:
    """Send every hostile body, query and head, and hold connections that never say what they want."""
    await asyncio.gather(asyncio.to_thread(_send_all, stack), asyncio.to_thread(_drip, stack))


def _send_all(stack: Stack) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number, problem in enumerate(pool.map(functools.partial(_problem, stack), enumerate(_cases()))):
            if problem:
                stack.problems.append(f"hostile input {number}: {problem}")


def _problem(stack: Stack, numbered: tuple[int, _Case]) -> str:
    number, (name, path, expected, send) = numbered
    secret = stack.clients[number % len(stack.clients)].secret
    client = RawClient(stack.web[number % len(stack.web)], secret, host="127.0.0.1")
    try:
        answer = send(client)
    except (OSError, ValueError, IndexError) as error:
        return f"{name} ({path[:40]}) was not answered: {type(error).__name__}"
    if expected is not None and answer.status != expected:
        return f"{name} ({path[:40]}) was answered {answer.status}, not {expected}"
    if answer.seconds > _ANSWER_SECONDS:
        return f"{name} ({path[:40]}) took {answer.seconds:.0f} s"
    if answer.status != 200 and not (400 <= answer.status < 500 and is_error_of(path, answer.json)):
        return f"{name} ({path[:40]}) was answered {answer.status} {answer.body[:80]!r}"
    return ""


def _cases() -> Iterator[_Case]:
    for path, bodies in ((CHAT, CHAT_BODIES), (COMPLETE, COMPLETE_BODIES)):
        for name, (body, status) in bodies.items():
            # No prompt is sent twice, or the ledger would show one that was paid for twice.
            own = body.replace(b'"Hello"', b'"%s"' % name.encode(), 1).replace(b'"x"}', b'"%s"}' % name.encode(), 1)
            yield name, path, status, functools.partial(_post, path, own)
    for path, status in QUERIES.items():
        # What may be asked without a key, or changes with the catalog, only has to be harmless.
        yield "query", path, status if status >= 400 else None, functools.partial(_get, path)
    yield "100 MB", CHAT, 413, lambda client: client.post(CHAT, b" " * _HUGE)
    yield "100 MB in chunks", CHAT, 413, _chunked
    many = [f"X-{number}: a" for number in range(10_000)]
    yield "10,000 headers", CHAT, 431, lambda client: client.post(CHAT, chat_body(), *JSON, *many)
    odd = "Content-Type: application/json; charset=bz2_codec"
    yield "odd charset", CHAT, 415, lambda client: client.post(CHAT, chat_body(), odd)
    yield "compressed", CHAT, 415, lambda client: client.post(CHAT, chat_body(), *JSON, "Content-Encoding: gzip")
    yield "two lengths", CHAT, 400, lambda client: client.post(CHAT, chat_body(), *JSON, "Content-Length: 5")
    yield "pipelined", "/v1/models", 200, _pipelined


def _post(path: str, body: bytes, client: RawClient) -> Answer:
    return client.post(path, body)


def _get(path: str, client: RawClient) -> Answer:
    return client.get(path)


def _chunked(client: RawClient) -> Answer:
    chunk = b"10000\r\n%s\r\n" % (b" " * 65_536)
    return client.send(client.head("POST", CHAT, *JSON, "Transfer-Encoding: chunked") + chunk * (_HUGE // 65_536))


def _pipelined(client: RawClient) -> Answer:
    kept_open = client.head("GET", "/v1/models").replace(b"Connection: close", b"Connection: keep-alive")
    return client.send(kept_open * 20 + client.head("GET", "/v1/models"))


def _drip(stack: Stack) -> None:
    """Send heads letter by letter, and see that each is given up."""
    began_at = time.monotonic()
    addresses = [("127.0.0.1", stack.web[number % len(stack.web)].port) for number in range(DRIPPING)]
    open_ones = [socket.create_connection(address, 5) for address in addresses]
    for connection in open_ones:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nX-Slow: ")
    while open_ones and time.monotonic() - began_at < _GIVEN_UP_SECONDS:
        open_ones = [connection for connection in open_ones if _takes_more(connection)]
        time.sleep(0.5)
    if open_ones:
        stack.problems.append(f"{len(open_ones)} of {DRIPPING} heads without an end were not given up")
    for connection in open_ones:
        connection.close()


def _takes_more(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"a")
        connection.settimeout(0.001)
        connection.recv(1024)
    except TimeoutError:
        return True
    except OSError:
        pass
    connection.close()
    return False


CELLS = (
    Cell(
        "D5",
        "hostile bodies, heads and queries on raw sockets",
        Plan(models=("ok", "ok", "slow_chunk"), concurrency=8, seconds=40.0),
        send_all,
        expect=(good_ones_served,),
    ),
)
