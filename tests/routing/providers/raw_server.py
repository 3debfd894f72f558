"""A server whose every byte is the test's, for what no real server would send."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from yarl import URL

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """``requests`` are the heads and bodies received, ``connections`` how many were opened."""

    url: URL
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Return one request; raises IncompleteReadError when the client has hung up."""
    head = await read_head(reader)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def serving(
    *answers: bytes | Answer, tls: ssl.SSLContext | None = None, reads_requests: bool = True, host: str = "127.0.0.1"
) -> AsyncIterator[RawServer]:
    """Give the answers in turn, over however many connections the client opens; b"" hangs up.

    Without ``reads_requests`` an answer begins once the head of its request is there, its body unread.
    """
    left = list(answers)
    tasks: set[asyncio.Task[None]] = set()
    read = read_request if reads_requests else read_head

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while left:
                running.requests.append(await read(reader))
                answer = left.pop(0)
                if not answer:
                    break
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(reader, writer)
                    break
            else:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client has hung up, as it may, or the test is over.
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    name = "localhost" if host == "127.0.0.1" else f"[{host}]"
    running = RawServer(URL(f"{'https' if tls else 'http'}://{name}:{port}/v1/chat"))
    try:
        yield running
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
