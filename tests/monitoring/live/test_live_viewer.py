"""A viewer's way out is bounded: a slow one misses snapshots and costs nobody anything."""

import asyncio

from monitoring.services.live.callers import Caller
from monitoring.services.live.viewer import Viewer


class Line:
    """Takes what is sent; while it is blocked, sending waits, as to a client that does not read."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.is_open = asyncio.Event()

    async def send(self, text: str) -> None:
        self.sent.append(text)
        await self.is_open.wait()


async def sent_after(line: Line, viewer: Viewer) -> list[str]:
    """Open the line, close the viewer once it has nothing left, and return all that was sent."""
    line.is_open.set()
    while viewer.has_waiting:  # noqa: ASYNC110 - what is waited for is the viewer's own loop
        await asyncio.sleep(0)
    viewer.close(1000, "")
    return line.sent


async def test_of_the_snapshots_that_a_slow_viewer_missed_only_the_newest_is_sent():
    viewer, line = Viewer(Caller(), "all"), Line()
    running = asyncio.create_task(viewer.run(line.send))
    viewer.show("first")
    await asyncio.sleep(0)
    for number in range(1000):
        viewer.show(f"snapshot {number}")

    sent = await sent_after(line, viewer)

    assert sent == ["first", "snapshot 999"]
    assert await running == (1000, "")


async def test_events_wait_in_order_and_the_oldest_give_way():
    viewer, line = Viewer(Caller(), "all"), Line()
    running = asyncio.create_task(viewer.run(line.send))
    viewer.show("blocked")
    await asyncio.sleep(0)
    for number in range(60):
        viewer.tell(f"event {number}")

    sent = await sent_after(line, viewer)

    # Fifty are kept: the last of sixty.
    assert sent == ["blocked", *(f"event {number}" for number in range(10, 60))]
    await running


async def test_topics_that_are_not_wanted_are_not_sent():
    viewer, line = Viewer(Caller(), "all"), Line()
    viewer.show("before")
    viewer.want(frozenset())
    viewer.show("snapshot")
    viewer.tell("event")
    viewer.reply("reply")
    running = asyncio.create_task(viewer.run(line.send))

    assert await sent_after(line, viewer) == ["reply"]
    await running
