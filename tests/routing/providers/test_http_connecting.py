"""How the HTTP client comes to a connection: names, addresses, TLS, and what is left of an attempt that ends early."""

import asyncio
import socket
import ssl
from collections.abc import Iterator, Sequence

import pytest
from yarl import URL

from routing.providers.http_addresses import AddressBook, AddressInfo
from routing.providers.http_client import HttpClient
from routing.providers.http_errors import ConnectFailed, TlsFailed
from tests.routing.providers.asking import OK, ask, whole
from tests.routing.providers.raw_server import serving


@pytest.fixture
def silent_url() -> Iterator[URL]:
    """A listener that never accepts and whose queue is full leaves a connection attempt hanging."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield URL(f"http://127.0.0.1:{listener.getsockname()[1]}/")


def address(url: URL) -> AddressInfo:
    assert url.port is not None
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", url.port))


async def test_refused_connection_and_unknown_host_were_never_sent(client: HttpClient, unused_tcp_port: int) -> None:
    with pytest.raises(ConnectFailed, match="no connection to localhost"):
        await ask(client, URL(f"http://localhost:{unused_tcp_port}/"))
    with pytest.raises(ConnectFailed, match=r"no connection to nowhere\.invalid"):
        await ask(client, URL("http://nowhere.invalid/"))
    with pytest.raises(ConnectFailed):
        await ask(client, URL(f"http://{'a' * 64}.invalid/"))
    with pytest.raises(ConnectFailed):
        await ask(client, URL("https://.invalid/"))


async def test_earlier_of_the_two_deadlines_ends_an_attempt_that_was_never_sent(
    client: HttpClient, silent_url: URL
) -> None:
    now = asyncio.get_running_loop().time()
    with pytest.raises(ConnectFailed, match="not in time"):
        await client.request("POST", silent_url, headers={}, connect_seconds=0.1, due_at=now + 5)
    with pytest.raises(ConnectFailed, match="not in time"):
        await client.request("POST", silent_url, headers={}, connect_seconds=5, due_at=now + 0.3)


async def test_server_that_speaks_first_is_not_asked(client: HttpClient) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        with pytest.raises((ConnectFailed, ValueError)):
            await ask(client, URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
        await asyncio.sleep(0.05)
        assert client.open_connections == 0


async def test_address_that_keeps_silent_holds_up_the_next_for_a_moment_only(silent_url: URL) -> None:
    async with serving(OK) as server:

        async def two_addresses(_host: str, _port: int) -> Sequence[AddressInfo]:
            return [address(silent_url), address(server.url)]

        client = HttpClient(addresses=AddressBook(two_addresses))
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        assert await whole(await ask(client, URL("http://two.example/"))) == b"ok"
        assert loop.time() - began_at < 1
        await client.aclose()


async def test_address_that_refuses_is_passed_over(unused_tcp_port: int) -> None:
    async with serving(OK) as server:

        async def two_addresses(_host: str, _port: int) -> Sequence[AddressInfo]:
            return [address(server.url.with_port(unused_tcp_port)), address(server.url)]

        client = HttpClient(addresses=AddressBook(two_addresses))
        assert await whole(await ask(client, URL("http://two.example/"))) == b"ok"
        await client.aclose()


async def test_ipv6_address_is_asked_and_named(client: HttpClient) -> None:
    async with serving(OK, host="::1") as server:
        assert await whole(await ask(client, server.url)) == b"ok"

    assert b"\r\nHost: [::1]:%d\r\n" % (server.url.port or 0) in server.requests[0]


async def test_name_is_looked_up_once_for_all_who_ask() -> None:
    asked: list[str] = []
    may_answer = asyncio.Event()

    async with serving(OK, OK, OK) as server:

        async def slow(host: str, _port: int) -> Sequence[AddressInfo]:
            asked.append(host)
            await may_answer.wait()
            return [address(server.url)]

        client = HttpClient(addresses=AddressBook(slow))
        left = asyncio.create_task(ask(client, server.url))
        stayed = [asyncio.create_task(ask(client, server.url)) for _ in range(2)]
        await asyncio.sleep(0.05)
        # Whoever asked first may leave: the others still get their answer.
        left.cancel()
        may_answer.set()
        assert [await whole(response) for response in await asyncio.gather(*stayed)] == [b"ok", b"ok"]
        await client.aclose()

    assert asked == ["localhost"]


async def test_failed_look_up_is_not_remembered() -> None:
    failures = [socket.EAI_AGAIN]

    async with serving(OK) as server:

        async def fails_once(_host: str, _port: int) -> Sequence[AddressInfo]:
            if failures:
                raise socket.gaierror(failures.pop(), "Temporary failure in name resolution")
            return [address(server.url)]

        client = HttpClient(addresses=AddressBook(fails_once))
        with pytest.raises(ConnectFailed, match="Temporary failure"):
            await ask(client, server.url)
        assert await whole(await ask(client, server.url)) == b"ok"
        await client.aclose()


async def test_proxy_of_the_environment_is_not_used(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_tcp_port}")
    async with serving(OK) as server:
        assert await whole(await ask(client, server.url)) == b"ok"


async def test_redirect_is_given_to_the_caller(client: HttpClient) -> None:
    answer = b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    async with serving(answer) as server:
        response = await ask(client, server.url)

    assert (response.status, server.connections) == (307, 1)


async def test_trusted_certificate_is_accepted_and_the_connection_kept(
    trusted: ssl.SSLContext, server_tls: ssl.SSLContext
) -> None:
    named: list[str | None] = []
    server_tls.sni_callback = lambda _socket, name, _context: named.append(name)
    client = HttpClient(tls=trusted)
    async with serving(OK, OK, tls=server_tls) as server:
        for _ in range(2):
            assert await whole(await ask(client, server.url)) == b"ok"
    await client.aclose()

    assert (server.connections, named) == (1, ["localhost"])


async def test_untrusted_certificate_is_refused_before_anything_is_sent(
    client: HttpClient, server_tls: ssl.SSLContext
) -> None:
    async with serving(OK, tls=server_tls) as server:
        with pytest.raises(TlsFailed, match="no TLS with localhost"):
            await ask(client, server.url)

    assert server.requests == []


async def test_certificate_of_another_host_is_refused(trusted: ssl.SSLContext, server_tls: ssl.SSLContext) -> None:
    client = HttpClient(tls=trusted)
    async with serving(OK, tls=server_tls) as server:
        with pytest.raises(TlsFailed, match=r"127\.0\.0\.1"):
            await ask(client, server.url.with_host("127.0.0.1"))
    await client.aclose()

    assert server.requests == []


async def test_server_without_tls_is_not_asked_over_https(client: HttpClient) -> None:
    async def answer_anything(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 What\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_anything, "127.0.0.1", 0)
    async with server:
        with pytest.raises(ConnectFailed):
            await ask(client, URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))


async def test_connection_that_never_finishes_its_handshake_is_given_up_and_closed(client: HttpClient) -> None:
    has_ended = asyncio.Event()

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        has_ended.set()

    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    async with server:
        url = URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        with pytest.raises(ConnectFailed, match="not in time"):
            await ask(client, url, seconds=0.2)
        async with asyncio.timeout(2):
            await has_ended.wait()
        assert client.open_connections == 0


async def wait_forever(_host: str, _port: int) -> Sequence[AddressInfo]:
    await asyncio.Event().wait()
    return []


async def test_cancelled_look_up_leaves_nothing_behind() -> None:
    client = HttpClient(addresses=AddressBook(wait_forever))
    asking = asyncio.create_task(ask(client, URL("http://slow.example/")))
    await asyncio.sleep(0.02)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await client.aclose()
    assert (client.open_connections, len(asyncio.all_tasks())) == (0, 1)


async def test_cancelled_connecting_leaves_nothing_behind(client: HttpClient, silent_url: URL) -> None:
    asking = asyncio.create_task(ask(client, silent_url))
    await asyncio.sleep(0.02)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (client.open_connections, len(asyncio.all_tasks())) == (0, 1)


@pytest.mark.parametrize("rounds", range(40))
async def test_cancellation_at_any_round_of_the_loop_closes_the_connection(
    trusted: ssl.SSLContext, server_tls: ssl.SSLContext, rounds: int
) -> None:
    # Rounds fall into the look-up, the connecting, the handshake, the wait for the head, and the body.
    client = HttpClient(tls=trusted)
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", tls=server_tls) as server:
        asking = asyncio.create_task(ask_and_read(client, server.url))
        for _ in range(rounds):
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0.05)
        assert client.open_connections == 0
    await client.aclose()


async def ask_and_read(client: HttpClient, url: URL) -> bytes:
    response = await ask(client, url)
    try:
        return await whole(response)
    finally:
        response.close()
