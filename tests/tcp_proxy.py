"""A TCP proxy between a client and its server that can play a server which is away, or frozen."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self


class TcpProxy:
    """Passes bytes on to ``port`` while the ``with`` block lasts; runs in a thread of its own.

    ``refuse`` cuts every connection and takes no new one, as a server that has been killed; ``freeze`` takes
    connections and bytes and does nothing with them, as a server that has been stopped by SIGSTOP; ``slow`` holds every
    block back, ``reset_all`` cuts the connections there are, ``cut_after`` each one once so many bytes have come back;
    ``heal`` ends them all. ``passed_bytes`` is what has come back from the server, over all connections.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._delay_seconds = 0.0
        self._cut_after_bytes: int | None = None
        self.port = 0
        self.passed_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._prepare)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def refuse(self) -> None:
        self._run(self._close)

    def freeze(self) -> None:
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def slow(self, seconds: float) -> None:
        self._delay_seconds = seconds

    def cut_after(self, count: int) -> None:
        self._cut_after_bytes = count

    def reset_all(self) -> None:
        self._run(self._cut)

    def heal(self) -> None:
        self._delay_seconds, self._cut_after_bytes = 0.0, None
        self._run(self._open)

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=10)

    async def _prepare(self) -> None:
        self._flowing = asyncio.Event()
        await self._open()

    async def _open(self) -> None:
        self._flowing.set()
        if self._server is None:
            # Once chosen, the port stays: the client knows it.
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _cut(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task: Any = asyncio.current_task()
        self._tasks.add(task)
        try:
            # Cut on purpose, the task ends like one whose peer has gone.
            with suppress(asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            # Also where the server refused: a client must hear of that, as it would without a proxy.
            writer.transport.abort()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await self._flowing.wait()
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, server_writer, None))
                    both.create_task(self._pump(server_reader, writer, self._cut_after_bytes, is_answer=True))
            finally:
                server_writer.transport.abort()
                writer.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cut_after_bytes: int | None,
        *,
        is_answer: bool = False,
    ) -> None:
        passed = 0
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                await asyncio.sleep(self._delay_seconds)
                passed += len(data)
                self.passed_bytes += len(data) if is_answer else 0
                if cut_after_bytes is not None and passed > cut_after_bytes:
                    writer.write(data[: len(data) - (passed - cut_after_bytes)])
                    writer.transport.abort()
                    return
                writer.write(data)
                await writer.drain()
            writer.write_eof()
            return
        # Reset on one side: so is the other, or it would wait for ever.
        writer.transport.abort()
