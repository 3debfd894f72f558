"""Name resolution, once for all who ask at the same time."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

KNOWN_SECONDS = 10.0

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
AddressInfo = tuple[int, int, int, str, SocketAddress]
LookUp = Callable[[str, int], Awaitable[Sequence[AddressInfo]]]


async def system_look_up(host: str, port: int) -> Sequence[AddressInfo]:
    """Ask what the operating system is configured to ask."""
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


class AddressBook:
    """Remembers the addresses of a name for ten seconds.

    A lookup occupies one of few threads for as long as the name server keeps silent, so a hundred requests to one
    provider make one. It goes on when its first asker leaves. Failures are not remembered.
    """

    def __init__(self, look_up: LookUp = system_look_up) -> None:
        self._ask = look_up
        self._known: dict[tuple[str, int], tuple[float, Sequence[AddressInfo]]] = {}
        self._lookups: dict[tuple[str, int], asyncio.Task[Sequence[AddressInfo]]] = {}

    async def look_up(self, host: str, port: int) -> Sequence[AddressInfo]:
        """Raises OSError, or ValueError for what cannot be a host name."""
        key = host, port
        until, addresses = self._known.get(key, (0.0, []))
        if asyncio.get_running_loop().time() < until:
            return addresses
        lookup = self._lookups.get(key)
        if lookup is None:
            lookup = self._lookups[key] = asyncio.create_task(self._look_up(key))
            lookup.add_done_callback(_take_note)
        return await asyncio.shield(lookup)

    def close(self) -> None:
        for lookup in self._lookups.values():
            lookup.cancel()

    async def _look_up(self, key: tuple[str, int]) -> Sequence[AddressInfo]:
        try:
            addresses = await self._ask(*key)
        finally:
            del self._lookups[key]
        self._known[key] = asyncio.get_running_loop().time() + KNOWN_SECONDS, addresses
        return addresses


def _take_note(lookup: asyncio.Task[Sequence[AddressInfo]]) -> None:
    """Keep the loop from complaining about a failure whose askers have all left."""
    if not lookup.cancelled():
        lookup.exception()
