"""One viewer's way out: what it is to be sent, bounded, so that a slow one costs nobody anything but itself."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from monitoring.services.live.callers import Caller

MAX_WAITING = 50
SEND_SECONDS = 20.0
TOPICS = frozenset({"snapshot", "events"})

SendText = Callable[[str], Awaitable[None]]


@dataclass(eq=False)
class Viewer:
    """A connection that has been let in.

    Of snapshots only the newest waits: whoever reads slowly misses those between. Events and replies wait in order, the
    oldest give way to the newest. ``closed_because`` is set once, with the code and the words of the close.
    """

    caller: Caller
    scope: str
    team: str | None = None
    topics: frozenset[str] = TOPICS
    closed_because: tuple[int, str] | None = None
    _snapshot: str | None = None
    _waiting: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_WAITING))
    _has_something: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def has_waiting(self) -> bool:
        """Whether anything has not been handed to the connection yet."""
        return bool(self._waiting) or self._snapshot is not None

    def show(self, snapshot: str) -> None:
        """Send a snapshot next, in place of one that still waits."""
        if "snapshot" in self.topics:
            self._snapshot = snapshot
            self._has_something.set()

    def tell(self, event: str) -> None:
        """Send an event, where events are wanted."""
        if "events" in self.topics:
            self.reply(event)

    def reply(self, message: str) -> None:
        """Send a message that was asked for."""
        self._waiting.append(message)
        self._has_something.set()

    def watch(self, scope: str, team: str | None) -> None:
        """Show another scope from now on; ``team`` is its slug."""
        if scope != self.scope:
            self.scope, self.team = scope, team
            self._snapshot = None

    def want(self, topics: frozenset[str]) -> None:
        """Send these topics from now on."""
        self.topics = topics
        if "snapshot" not in topics:
            self._snapshot = None

    def close(self, code: int, reason: str) -> None:
        """End the connection after nothing more than what is being sent."""
        if self.closed_because is None:
            self.closed_because = (code, reason)
            self._has_something.set()

    async def run(self, send_text: SendText) -> tuple[int, str]:
        """Send what comes until the viewer is closed; return the code and the words of the close.

        Raises:
            TimeoutError: The other end takes nothing for ``SEND_SECONDS``.
        """
        while self.closed_because is None:
            await self._has_something.wait()
            self._has_something.clear()
            while self.closed_because is None and (message := self._next()) is not None:
                async with asyncio.timeout(SEND_SECONDS):
                    await send_text(message)
        return self.closed_because

    def _next(self) -> str | None:
        if self._waiting:
            return self._waiting.popleft()
        snapshot, self._snapshot = self._snapshot, None
        return snapshot
