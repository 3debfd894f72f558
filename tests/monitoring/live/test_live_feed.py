"""The feed of a web process ends when it is told to, whatever the client of Redis makes of that."""

import asyncio

from channels.layers import InMemoryChannelLayer
from django.test import override_settings

from monitoring.services.live.feed import Feed

STUBBORN = {"default": {"BACKEND": "tests.monitoring.live.test_live_feed.StubbornLayer"}}


class StubbornLayer(InMemoryChannelLayer):  # type: ignore[misc]
    """Answers a cancellation with an error of its own, as a client may whose connection breaks in that moment."""

    async def receive(self, channel: str) -> object:
        try:
            return await super().receive(channel)
        except asyncio.CancelledError:
            raise KeyError(channel) from None


async def read_nothing(*_: object) -> list[object]:
    return []


async def test_the_feed_stops_although_its_listening_cannot_be_cancelled():
    with override_settings(CHANNEL_LAYERS=STUBBORN, REDIS_URL=""):
        feed = Feed(scopes=lambda: {"all"}, on_tick=list, on_degraded=bool, read=read_nothing)  # type: ignore[arg-type]
        before = asyncio.all_tasks()
        feed.start()
        await asyncio.sleep(0.05)

        await feed.stop()

    assert asyncio.all_tasks() == before
