"""Runs a check that may hang without letting it hang its caller."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedCheck(Generic[T]):
    """One check, run in a thread of its own and never twice at a time.

    Whoever asks while it runs waits for that run; a check that hangs for good therefore costs one thread, however
    often it is asked. A result is given again for ``fresh_seconds``.
    """

    def __init__(self, check: Callable[[], T], *, seconds: float, fresh_seconds: float = 0.0) -> None:
        self._check = check
        self._seconds = seconds
        self._fresh_seconds = fresh_seconds
        self._lock = threading.Lock()
        self._running: Future[T] | None = None
        self._ended_at = 0.0

    def start(self) -> None:
        """Begin a run, unless one is under way or fresh."""
        self._current()

    def result(self) -> T:
        """Return what the check returns, or raise what it raises; TimeoutError after ``seconds``.

        RuntimeError where there is not the memory for a thread.
        """
        return self._current().result(self._seconds)

    def forget(self) -> None:
        """Ask anew the next time, however fresh the last result is; for tests."""
        with self._lock:
            self._running = None

    def _current(self) -> Future[T]:
        with self._lock:
            held = self._running
            if held is None or (held.done() and time.monotonic() - self._ended_at >= self._fresh_seconds):
                held = Future()
                try:
                    threading.Thread(target=self._run, args=(held,), name="health-check", daemon=True).start()
                except RuntimeError as error:
                    # Memory is too short for a thread. The next to ask must not wait for this run.
                    held.set_exception(error)
                else:
                    self._running = held
            return held

    def _run(self, future: Future[T]) -> None:
        try:
            result = self._check()
        except Exception as error:
            self._ended_at = time.monotonic()
            future.set_exception(error)
        else:
            self._ended_at = time.monotonic()
            future.set_result(result)
