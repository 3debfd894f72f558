"""Waits of threads for the database that end, whatever the database does.

The driver waits for as long as its connection lives. Behind something that acknowledges what it does not pass on, such
as a hung pooler, that is for ever: neither the network's timeouts nor the server's own end it. So somebody else looks
at the clock and shuts the connection down, and the driver finds it lost.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

import psycopg2
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

T = TypeVar("T")
# Longer than any question takes that requests wait for; who asked has been told long before that it takes too long.
SILENT_SECONDS = 10.0
# A connection that is still being made cannot be shut down, but soon fails by itself or is there.
AGAIN_SECONDS = 1.0
_LOST = (OperationalError, InterfaceError)


class Line:
    """A thread's connection to a database, as other threads may end it."""

    def __init__(self, alias: str = DEFAULT_DB_ALIAS) -> None:
        self._alias = alias
        self._database: BaseDatabaseWrapper | None = None

    def take(self) -> None:
        """Mean the connection of the thread that calls, from now on."""
        self._database = connections[self._alias]

    def open(self) -> None:
        """Take the connection of the thread that calls, and open it; raises OperationalError where that fails."""
        self.take()
        connections[self._alias].ensure_connection()

    def shut(self) -> None:
        """Let whoever waits for PostgreSQL on this connection find it lost; nothing where none is open."""
        if self._database is None or self._database.vendor != "postgresql" or self._database.connection is None:
            return
        with suppress(OSError, psycopg2.Error):
            # Another handle of the same socket, whose family does not matter for this.
            descriptor = self._database.connection.fileno()
            with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as handle:
                handle.shutdown(socket.SHUT_RDWR)


class _Question(Generic[T]):
    """A function that asks the database in another thread, which the event loop may give up."""

    def __init__(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> None:
        self._function = function
        self._arguments = arguments
        self._line = Line()
        self._is_given_up = False
        self.is_running = False

    def run(self) -> T:
        self._line.take()
        self.is_running = True
        try:
            return self._function(*self._arguments)
        except _LOST:
            # The server may have closed an idle connection; a fresh one tells whether the database is away.
            connection.close()
            if self._is_given_up:
                raise
            return self._function(*self._arguments)
        finally:
            self.is_running = False

    def give_up(self) -> None:
        """Let the thread find its connection lost, and not ask again."""
        self._is_given_up = True
        self._line.shut()


class Threads:
    """Threads that ask the database, each over a lasting connection of its own."""

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._asked: set[_Question[Any]] = set()

    async def ask(self, seconds: float, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function that asks the database, and once more where its connection was lost.

        Raises:
            TimeoutError: It did not end within ``seconds``. Its thread is free after ``SILENT_SECONDS`` at the latest,
                and some more where a connection is being made.
        """
        loop = asyncio.get_running_loop()
        question = _Question(function, arguments)
        self._asked.add(question)
        end = loop.call_later(max(seconds, SILENT_SECONDS), self._give_up, question)
        try:
            async with asyncio.timeout(seconds):
                return await loop.run_in_executor(self._pool, question.run)
        finally:
            if not question.is_running:
                end.cancel()
                self._asked.discard(question)

    def close(self) -> None:
        """Take no more questions, and give up those under way: the process must not wait for silence to end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for question in self._asked:
            question.give_up()
        self._asked.clear()

    def _give_up(self, question: _Question[Any]) -> None:
        """Give a question up, again and again until its thread has come back."""
        if question.is_running:
            question.give_up()
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._give_up, question)
        else:
            self._asked.discard(question)


@contextmanager
def within(seconds: float, *aliases: str) -> Iterator[None]:
    """Let this thread's waits for these databases fail once the block has taken so long; costs a thread of its own."""
    lines, is_over = [Line(alias) for alias in aliases if alias in connections], threading.Event()
    for line in lines:
        line.take()

    def watch() -> None:
        wait = seconds
        while not is_over.wait(wait):
            for line in lines:
                line.shut()
            wait = AGAIN_SECONDS

    watching = threading.Thread(target=watch, name="bounded-wait", daemon=True)
    watching.start()
    try:
        yield
    finally:
        is_over.set()
        watching.join()
