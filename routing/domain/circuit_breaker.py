"""Stops asking a model that keeps failing, and probes it again after a pause."""

from typing import Literal

State = Literal["closed", "open", "half_open"]


class CircuitBreaker:
    """Opens after ``failure_threshold`` failures in a row; after ``open_seconds`` lets one probe at a time through.

    Times are seconds of any one monotonic clock, passed in.
    """

    __slots__ = ("_failures", "_opened_at", "_probe_started_at", "failure_threshold", "open_seconds")

    def __init__(self, failure_threshold: int = 5, open_seconds: float = 15.0) -> None:
        self.failure_threshold = failure_threshold
        self.open_seconds = open_seconds
        self._failures = 0
        self._opened_at: float | None = None
        self._probe_started_at: float | None = None

    def state(self, now: float) -> State:
        if self._opened_at is None:
            return "closed"
        return "half_open" if now - self._opened_at >= self.open_seconds else "open"

    def is_available(self, now: float) -> bool:
        """Tell whether a call would be let through, without taking the probe's place."""
        state = self.state(now)
        return state == "closed" or (state == "half_open" and not self._is_probing(now))

    def try_acquire(self, now: float) -> bool:
        """Let a call through or not; in the half-open state the caller becomes the probe."""
        if not self.is_available(now):
            return False
        if self._opened_at is not None:
            self._probe_started_at = now
        return True

    def record_success(self) -> None:
        self._failures = 0
        self._opened_at = None
        self._probe_started_at = None

    def record_failure(self, now: float) -> None:
        self._failures += 1
        if self._probe_started_at is not None or self._failures >= self.failure_threshold:
            self._opened_at = now
        self._probe_started_at = None

    def release(self) -> None:
        """Give the probe's place back after a call that says nothing about the provider's health."""
        self._probe_started_at = None

    def _is_probing(self, now: float) -> bool:
        # A probe that never reports (its process stage was cancelled) must not block the model for good.
        return self._probe_started_at is not None and now - self._probe_started_at < self.open_seconds
