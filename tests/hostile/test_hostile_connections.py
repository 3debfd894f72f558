"""What is wrong below the JSON: sizes, encodings, headers, and bytes that come too slowly or not at all."""

import gzip
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from routing.models import LedgerEntry
from tests.hostile.raw import CHAT, COMPLETE, JSON, RawClient, chat_body

HUNDRED_MEGABYTES = 100_000_000


def in_chunks(body: bytes, size: int) -> bytes:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_chunked_body_is_accepted(client: RawClient, size: int) -> None:
    head = client.head("POST", CHAT, *JSON, "Transfer-Encoding: chunked")

    answer = client.send(head + in_chunks(chat_body(), size))

    assert answer.status == 200


def test_trailer_cannot_change_the_request(client: RawClient) -> None:
    head = client.head("POST", CHAT, *JSON, "Transfer-Encoding: chunked")
    body = in_chunks(chat_body(), 10).removesuffix(b"\r\n") + b"x-optimizer-task: smuggled\r\n\r\n"

    answer = client.send(head + body)

    assert (answer.status, LedgerEntry.objects.get().task) == (200, None)


@pytest.mark.parametrize("path", [CHAT, COMPLETE, "/stats"])
def test_huge_body_is_refused_without_being_kept(client: RawClient, path: str) -> None:
    client.is_served()
    before = client.memory_megabytes()

    answer = client.post(path, b" " * HUNDRED_MEGABYTES)

    assert answer.status == 413
    assert answer.is_harmless_for(path)
    assert client.memory_megabytes() - before < 5
    assert client.is_served()


def test_huge_body_without_a_length_is_kept_only_up_to_the_limit(client: RawClient) -> None:
    client.is_served()
    before = client.memory_megabytes()
    head = client.head("POST", CHAT, *JSON, "Transfer-Encoding: chunked")

    answer = client.send(head + in_chunks(b" " * HUNDRED_MEGABYTES, 65_536))

    assert answer.status == 413
    assert answer.is_harmless_for(CHAT)
    # The limit is 10 MB, and as much again is held for a moment where the pieces are joined.
    assert client.memory_megabytes() - before < 25


@pytest.mark.parametrize(
    "start",
    [
        b"POST /v1/chat/completions HTTP/1.1\r\nX-Endless: ",
        b"GET /",
        b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;",
        b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Endless: ",
    ],
    ids=["header", "path", "chunk extension", "trailer"],
)
def test_endless_head_is_cut_off(client: RawClient, start: bytes) -> None:
    client.is_served()
    before = client.memory_megabytes()

    answer = client.send(start + b"a" * HUNDRED_MEGABYTES)

    assert answer.status in (401, 431)
    assert client.memory_megabytes() - before < 5
    assert client.is_served()


@pytest.mark.parametrize("path", [CHAT, "/stats"])
@pytest.mark.parametrize("count", [300, 10_000])
def test_too_many_headers_are_refused(client: RawClient, path: str, count: int) -> None:
    answer = client.post(path, chat_body(), *JSON, *(f"X-{number}: a" for number in range(count)))

    assert answer.status == 431
    assert answer.is_harmless_for(path)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("Content-Type: application/json; charset=bz2_codec",), 415),
        (("Content-Type: application/json; charset=utf-16",), 415),
        (('Content-Type: application/json; charset="UTF-8"',), 200),
        (("Content-Type: text/html",), 415),
        (("Content-Type: application/x-www-form-urlencoded",), 415),
        ((*JSON, "Content-Encoding: gzip"), 415),
        ((*JSON, "Content-Encoding: identity"), 200),
        ((*JSON, "Content-Length: 5"), 400),
        ((*JSON, "Transfer-Encoding: chunked"), 400),
        ((*JSON, "Transfer-Encoding: gzip"), 400),
        ((*JSON, "Authorization: Bearer another"), 200),
        ((*JSON, "Content-Type: text/html"), 200),
        ((*JSON, "X-Control: a\x01b"), 400),
        ((*JSON, "Idempotency-Key: " + "k" * 256), 422),
        ((*JSON, "Idempotency-Key: "), 422),
        ((*JSON, "Idempotency-Key: k\xff"), 200),
        ((*JSON, "x-optimizer-min-quality: \xb2"), 422),
        ((*JSON, "x-optimizer-max-cost-usd: Infinity"), 422),
    ],
    ids=lambda value: str(value[-1])[:40] if isinstance(value, tuple) else "",
)
def test_header_that_is_not_understood_is_refused(client: RawClient, lines: tuple[str, ...], status: int) -> None:
    answer = client.post(CHAT, chat_body(), *lines)

    assert answer.status == status
    assert answer.is_harmless_for(CHAT)


def test_compressed_body_is_refused_without_being_expanded(client: RawClient) -> None:
    before = client.memory_megabytes()

    answer = client.post(CHAT, gzip.compress(b" " * HUNDRED_MEGABYTES), *JSON, "Content-Encoding: gzip")

    assert answer.status == 415
    assert client.memory_megabytes() - before < 5


@pytest.mark.parametrize(
    "length",
    ["-1", "9" * 5000, "1e3", "0x10", "\xb2", "1, 1", "+5"],
    ids=["minus", "5000", "e", "hex", "2", "1,1", "+"],
)
def test_length_that_is_no_number_is_refused(client: RawClient, length: str) -> None:
    answer = client.send(client.head("POST", CHAT, *JSON, f"Content-Length: {length}") + chat_body())

    assert answer.status == 400
    assert answer.is_harmless_for(CHAT)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\r\n" * 1000 + b"NONSENSE\r\n\r\n",
        b"FOO / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"CONNECT nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["TLS", "nonsense", "method", "version", "address"],
)
def test_bytes_that_are_not_http_are_told_so_in_json(client: RawClient, data: bytes) -> None:
    answer = client.send(data)

    assert answer.status == 400
    assert answer.json == {"detail": "This is not a valid HTTP request."}


def test_an_address_that_is_none_is_refused_after_a_sound_request_too(client: RawClient) -> None:
    sound = client.head("GET", "/health/live").replace(b"Connection: close", b"Connection: keep-alive")
    with socket.create_connection(("127.0.0.1", client.gateway.port), 10) as connection:
        connection.sendall(sound)
        received = b""
        while not received.endswith(b"}"):
            received += connection.recv(65_536)
        connection.sendall(b"CONNECT nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while block := connection.recv(65_536):
            received += block

    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", received) == [b"200", b"400"]


def test_pipelined_requests_are_answered_in_order(client: RawClient) -> None:
    kept_open = client.head("POST", CHAT, *JSON).replace(b"Connection: close", b"Connection: keep-alive")
    bodies = [chat_body(model="auto"), chat_body(model="no-such-model"), b"nonsense"]
    requests = [kept_open[:-2] + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies]

    answer = client.send(b"".join(requests) + client.head("GET", "/health/live"))

    followed = re.findall(rb"HTTP/1\.1 (\d{3}) ", answer.rest)
    assert (answer.status, followed) == (200, [b"404", b"400", b"200"])


def test_slow_body_is_given_up(client: RawClient) -> None:
    answer = client.send(client.head("POST", CHAT, *JSON, "Content-Length: 1000") + b'{"model":')

    assert (answer.status, answer.json["error"]["code"]) == (408, "body_timeout")
    assert 1 <= answer.seconds < 3


def test_request_that_never_ends_is_given_up(client: RawClient) -> None:
    starts = {
        "silence": b"",
        "head": b"POST /v1/chat/completions HTTP/1.1\r\nX-Slow: a",
        "body that Django reads": client.head("POST", "/admin/login/", "Content-Length: 1000"),
    }

    with ThreadPoolExecutor() as pool:
        answers = {name: pool.submit(client.send, start) for name, start in starts.items()}

    assert {name: answer.result().status for name, answer in answers.items()} == dict.fromkeys(starts, 408)
    # Five seconds for the head and one, by the settings of this gateway, for the body.
    assert all(5 <= answer.result().seconds < 9 for answer in answers.values())


def test_byte_now_and_then_does_not_buy_time(client: RawClient) -> None:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", client.gateway.port), 10) as connection:
        received = dripped(connection)

    assert received.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started < 9


def dripped(connection: socket.socket) -> bytes:
    """Send a header letter by letter until there is an answer."""
    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nX-Slow: ")
    connection.settimeout(0.2)
    for _ in range(50):
        connection.sendall(b"a")
        try:
            return connection.recv(65536)
        except TimeoutError:
            continue
    return b""


def test_idle_connections_keep_nobody_else_waiting(client: RawClient) -> None:
    idle = [socket.create_connection(("127.0.0.1", client.gateway.port), 5) for _ in range(500)]
    try:
        answer = client.chat()
    finally:
        for connection in idle:
            connection.close()

    assert answer.status == 200
    # The idle ones are given up after five.
    assert answer.seconds < 5
