"""What viewers send: commands are answered, and whatever is too long, too much or no command ends only its sender."""

import asyncio
import contextlib
import json
from contextlib import AbstractAsyncContextManager

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests import factories
from tests.monitoring.live.conftest import hear

KB = 1024


NO_COMMANDS = (
    *("", "{", "[]", "null", "\x00"),
    *('{"action": "drop"}', '{"action": "ping", "more": 1}', '{"action": 1}', "[" * 4000),
)
FRAMES = ("x" * 5000, "x" * 64 * KB, b"\x00\x01", "x" * 16 * KB * KB)


async def close_code(opening: AbstractAsyncContextManager[ClientConnection], frame: str | bytes) -> int | None:
    """Send a frame and return with what the connection was closed, which may be before all of the frame has left."""
    async with opening as socket:
        with contextlib.suppress(ConnectionClosed):
            await socket.send(frame)
            await hear(socket, "nothing")
    return socket.close_code


async def test_ping_and_refresh_are_answered(open_live):
    _, secret = factories.api_key()

    async with open_live(key=secret) as socket:
        await socket.send('{"action": "ping"}')
        assert await hear(socket, "pong") == {"type": "pong"}
        await socket.send('{"action": "refresh"}')
        assert (await hear(socket, "snapshot"))["total_decisions"] == 0


async def test_without_its_topic_no_snapshot_comes(open_live):
    _, secret = factories.api_key()

    async with open_live(key=secret) as socket:
        await hear(socket, "snapshot")
        await socket.send('{"action": "subscribe", "topics": ["events"]}')
        assert (await hear(socket, "subscribed"))["topics"] == ["events"]
        await socket.send('{"action": "refresh"}')
        await socket.send('{"action": "ping"}')
        assert json.loads(await socket.recv())["type"] == "pong"


async def test_what_is_no_command_is_answered_with_an_error(open_live):
    _, secret = factories.api_key()

    async with open_live(key=secret) as socket:
        for message in NO_COMMANDS:
            await socket.send(message)
        codes = [(await hear(socket, "error"))["code"] for _ in NO_COMMANDS]

    assert codes == ["invalid_message"] * 9


async def test_frames_that_are_too_long_or_binary_end_their_sender_alone(open_live):
    _, secret = factories.api_key()

    async with open_live(key=secret) as other:
        await hear(other, "snapshot")
        closed_with = [await close_code(open_live(key=secret), frame) for frame in FRAMES]
        await other.send('{"action": "ping"}')
        await hear(other, "pong")

    # Of 16 MB the server reads so little that the connection may break before the reason arrives.
    assert closed_with[:3] == [1009, 1009, 1003]
    assert closed_with[3] in (1009, 1006)


async def test_a_flood_of_commands_ends_its_sender(open_live):
    _, secret = factories.api_key()

    async with open_live(key=secret) as socket:
        for _ in range(40):
            await socket.send('{"action": "ping"}')
        with pytest.raises(ConnectionClosed):
            await hear(socket, "nothing")

    assert socket.close_code == 1008


async def test_a_hundred_viewers_are_sent_the_same_snapshots(open_live, server):
    _, secret = factories.api_key()
    sockets = await asyncio.gather(*(open_live(key=secret).__aenter__() for _ in range(100)))

    for socket in sockets:
        await hear(socket, "snapshot")
    next_ones = [await hear(socket, "snapshot") for socket in sockets]

    # All of one or two ticks: however many watch, there is one a second.
    assert len({snapshot["timestamp"] for snapshot in next_ones}) <= 2
    await asyncio.gather(*(socket.close() for socket in sockets))
