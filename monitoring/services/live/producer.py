"""Makes the snapshots of all scopes that are watched, once for everybody."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import timezone

from monitoring.selectors import live
from monitoring.services.live import board as boards
from monitoring.services.live import messages
from monitoring.services.live.scopes import group_of, team_id_of

logger = logging.getLogger(__name__)

MESSAGE_TYPE = "live.tick"


@dataclass(frozen=True, slots=True)
class Tick:
    """A snapshot of one scope as its viewers are sent it.

    ``notices`` are the events in it, as messages by id, so that one that is new can be sent by itself.
    """

    scope: str
    body: str
    notices: Mapping[str, str]

    def as_message(self) -> dict[str, Any]:
        """Return the message for the Channels group."""
        return {"type": MESSAGE_TYPE, **asdict(self)}


def tick_of(message: Mapping[str, Any]) -> Tick:
    """Return what ``as_message`` was called on."""
    return Tick(scope=message["scope"], body=message["body"], notices=message["notices"])


def make(scope: str, *, now: datetime) -> Tick:
    """Make the snapshot of one scope."""
    found = live.snapshot(team_id_of(scope), now=now)
    return Tick(scope, messages.snapshot(found), {notice.id: messages.event(notice) for notice in found.notices})


def make_all(scopes: Iterable[str], *, now: datetime) -> list[Tick]:
    """Make the snapshots of several scopes."""
    return [make(scope, now=now) for scope in sorted(scopes)]


def publish_due() -> int:
    """Make and publish the snapshots that are watched, unless somebody just has; return how many.

    For a worker. Where the board is away, web processes look after their own viewers.
    """
    board = boards.shared()
    try:
        scopes = board.watched()
        if not scopes or not board.take_slot(seconds=settings.LIVE_PERIOD_SECONDS):
            return 0
    except boards.BoardUnavailable as error:
        logger.warning("No live snapshot is published: Redis does not answer (%s)", error)
        return 0
    ticks = make_all(scopes, now=timezone.now())
    async_to_sync(publish)(ticks)
    return len(ticks)


async def publish(ticks: Iterable[Tick]) -> None:
    """Send snapshots to their groups."""
    layer = get_channel_layer()
    for tick in ticks:
        await layer.group_send(group_of(tick.scope), tick.as_message())
