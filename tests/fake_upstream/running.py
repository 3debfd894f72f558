"""A fake provider inside a test process."""

import asyncio
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fake_upstream.faults import Pace
from tests.fake_upstream.replies import DEFAULT_TEXT
from tests.fake_upstream.server import Upstream, serve
from tests.fake_upstream.tally import Exchange

QUIET_SECONDS = 5.0


class FakeUpstream:
    """Runs in a thread of its own while the ``with`` block lasts.

    ``base_url`` is what an OpenAI-compatible provider is configured with, ``origin`` what an Anthropic one is.
    """

    def __init__(
        self, *, tally_path: Path | None = None, completion_text: str = DEFAULT_TEXT, pace: Pace | None = None
    ) -> None:
        self._upstream = Upstream(tally_path, completion_text, pace or Pace())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-upstream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._runner, self.port = asyncio.run_coroutine_threadsafe(
            serve(self._upstream, "127.0.0.1", 0), self._loop
        ).result(timeout=10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        self._upstream.tally.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The latest thousand request bodies, oldest first."""
        return list(self._upstream.bodies)

    @property
    def received(self) -> int:
        """How many requests have come, of which ``bodies`` forgets the older ones."""
        return self._upstream.received

    def exchanges(self) -> list[Exchange]:
        """The tally once nothing is in flight any more.

        Raises:
            TimeoutError: an exchange is still going on after five seconds.
        """
        deadline = time.monotonic() + QUIET_SECONDS
        while self._upstream.in_flight:
            if time.monotonic() > deadline:
                raise TimeoutError("an exchange with the fake upstream is still going on")
            time.sleep(0.005)
        return list(self._upstream.tally.exchanges)
