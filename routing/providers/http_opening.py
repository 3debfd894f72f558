"""Opening a connection: name resolution, TCP over IPv6 and IPv4, TLS."""

import asyncio
import socket
import ssl

import aiohappyeyeballs

from routing.providers.http_addresses import AddressBook
from routing.providers.http_errors import ConnectFailed, TlsFailed
from routing.providers.http_request import Origin

NEXT_ADDRESS_SECONDS = 0.25
"""How long one address may keep silent before the next is tried beside it (RFC 8305, section 5)."""


async def connect(
    protocol: asyncio.Protocol, origin: Origin, tls: ssl.SSLContext, addresses: AddressBook, connect_by: float
) -> None:
    """Connect ``protocol`` to ``origin``, at the latest at ``connect_by`` of the loop's clock.

    Raises:
        TlsFailed: the certificate is not trusted or not for this host, or the other side does not speak TLS.
        ConnectFailed: for every other reason, the deadline included.
    """
    where = f"{origin.host}:{origin.port}"
    try:
        async with asyncio.timeout_at(connect_by) as limit:
            await _open(protocol, origin, tls, addresses)
    except ssl.SSLError as exc:
        raise TlsFailed(f"no TLS with {where}: {exc}") from exc
    except (OSError, ValueError, RuntimeError) as exc:
        # A ValueError is a name that cannot be one, a RuntimeError what uvloop makes of some errors of a socket. The
        # operating system's own time limit is a TimeoutError as well.
        reason = "not in time" if limit.expired() else str(exc) or type(exc).__name__
        raise ConnectFailed(f"no connection to {where}: {reason}") from exc


async def _open(protocol: asyncio.Protocol, origin: Origin, tls: ssl.SSLContext, addresses: AddressBook) -> None:
    loop = asyncio.get_running_loop()
    # uvloop tries addresses one after the other, so an unreachable IPv6 would use up the whole deadline.
    connected = await aiohappyeyeballs.start_connection(
        await addresses.look_up(origin.host, origin.port),
        happy_eyeballs_delay=NEXT_ADDRESS_SECONDS,
        interleave=1,
        loop=loop,
    )
    transport = await _hand_over(connected, protocol)
    if transport.is_closing():
        raise ConnectionAbortedError("it hung up at once, or spoke first")
    if origin.is_tls:
        try:
            encrypted = await loop.start_tls(transport, protocol, tls, server_hostname=origin.host.rstrip("."))
        except BaseException:
            # The loops only begin to close it, and wait for the other side to agree.
            transport.abort()
            raise
        assert encrypted is not None
        protocol.connection_made(encrypted)


async def _hand_over(connected: socket.socket, protocol: asyncio.Protocol) -> asyncio.Transport:
    """Give the socket to the loop, which owns it from now on.

    This must not be broken off halfway: uvloop would close the file descriptor and the socket object would close it
    again, when the number may be another connection's already.
    """
    loop = asyncio.get_running_loop()
    opening = asyncio.create_task(loop.create_connection(lambda: protocol, sock=connected))
    try:
        transport, _ = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_abort)
        raise
    return transport


def _abort(opening: asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].abort()
