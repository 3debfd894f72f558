"""A connection to PostgreSQL that the event loop itself waits for.

A thread that waits for the database has to be woken, and then to wait for the interpreter, which the event loop keeps
busy: together longer than the exchange takes.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg2
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from psycopg2 import extensions

from accounts.services import prepared_statements
from accounts.services.prepared_statements import Call, OtherCount

# As for Django's own connections, whose driver keeps this limit by itself.
CONNECT_SECONDS = 2.0
# A connection that has gone silent, as behind a balancer that forgot it, would hold up every write of the process.
EXCHANGE_SECONDS = 5.0
# The server gives up first, so that nothing is committed after it has been tried again elsewhere.
STATEMENT_MILLISECONDS = 4000


class LoopConnection:
    """One connection of one event loop, for one exchange at a time; made on first use and again after it was lost."""

    def __init__(self) -> None:
        # Asked for once: each task that asks is given one of its own.
        self._database = connections[DEFAULT_DB_ALIAS]
        self._driver: Any = None
        self._known: set[str] = set()
        self._ready: asyncio.Future[None] | None = None
        self._watched: int | None = None

    @property
    def is_open(self) -> bool:
        return self._driver is not None and not self._driver.closed

    async def execute(self, calls: Sequence[Call]) -> None:
        """Run statements in one exchange, which is one transaction: all of them are committed, or none.

        Raises:
            OtherCount: A ``counted`` statement changed another number of rows than it was to; nothing was done.
            OperationalError: The connection could not be made, was lost, or is silent; whether they were committed is
                not known.
            DatabaseError: They were refused; nothing was done.
        """
        with self._database.wrap_database_errors:
            try:
                await self._open()
                async with asyncio.timeout(EXCHANGE_SECONDS):
                    await self._exchange(calls)
            except TimeoutError:
                self.close()
                raise OperationalError("The database did not answer in time.") from None
            except psycopg2.Error as error:
                if prepared_statements.is_other_count(error):
                    raise OtherCount from error
                if error.pgcode is None or not self.is_open:
                    # Not the server's answer, which has a code, but the driver's: whatever it calls it, the exchange
                    # was broken off.
                    self.close()
                    raise OperationalError(str(error)) from error
                raise
            except BaseException:
                # Broken off in the middle: what the server answers next would be taken for something else.
                self.close()
                raise

    async def _exchange(self, calls: Sequence[Call]) -> None:
        unknown = {prepared.name: prepared for prepared, _ in calls if prepared.name not in self._known}
        if unknown:
            await self._send("; ".join(prepared.preparation for prepared in unknown.values()), None)
            self._known.update(unknown)
        await self._send(*prepared_statements.joined(calls))

    def close(self) -> None:
        """Give the connection up; the next exchange makes another."""
        self._unwatch()
        if self._driver is not None:
            self._driver.close()
        self._driver = None
        self._known.clear()

    async def _open(self) -> None:
        if self.is_open:
            return
        self.close()
        parameters = self._database.get_connection_params()
        wanted = {name: value for name, value in parameters.items() if name not in ("cursor_factory", "context")}
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # The driver looks up the name of the host before it returns.
                self._driver = await loop.run_in_executor(None, lambda: psycopg2.connect(**wanted, async_=True))
                await self._until_ready(is_connecting=True)
                # From now on, also where no answer was ever waited for: the server may say goodbye at any time.
                self._watch()
                await self._send(f"SET statement_timeout = {STATEMENT_MILLISECONDS}", None)
        except TimeoutError:
            raise OperationalError("The database did not accept a connection in time.") from None

    async def _send(self, statement: str, arguments: Sequence[Any] | None) -> None:
        with self._driver.cursor() as cursor:
            cursor.execute(statement, arguments)
            await self._until_ready()

    async def _until_ready(self, *, is_connecting: bool = False) -> None:
        """Let the driver go on whenever the server has something for it, until it is done."""
        loop = asyncio.get_running_loop()
        while (state := self._driver.poll()) != extensions.POLL_OK:
            self._ready = loop.create_future()
            descriptor = self._watch()
            if state == extensions.POLL_WRITE:
                loop.add_writer(descriptor, self._wake)
            try:
                await self._ready
            finally:
                self._ready = None
                if state == extensions.POLL_WRITE:
                    loop.remove_writer(descriptor)
                if is_connecting:
                    # The driver may go on to the host's next address, by another socket.
                    self._unwatch()

    def _watch(self) -> int:
        if self._watched is None:
            self._watched = self._driver.fileno()
            asyncio.get_running_loop().add_reader(self._watched, self._wake)
        return self._watched

    def _unwatch(self) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
        self._watched = None

    def _wake(self) -> None:
        if self._ready is None:
            # Nobody has asked anything: the server says goodbye.
            self.close()
        elif not self._ready.done():
            self._ready.set_result(None)
