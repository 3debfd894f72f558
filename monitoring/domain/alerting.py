"""When a measured value becomes an alert, and when the alert is over."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Comparison(StrEnum):
    ABOVE = "above"
    AT_LEAST = "at_least"
    BELOW = "below"


class State(StrEnum):
    """A rule's alert is ``pending`` until its condition has held, then ``firing`` until it is ``resolved``.

    A ``notice`` is told once and never resolved.
    """

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    NOTICE = "notice"


class Step(StrEnum):
    """What one evaluation does to the alert of one subject."""

    NOTHING = "nothing"
    OPEN = "open"
    FIRE = "fire"
    KEEP = "keep"
    DROP = "drop"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value.

    ``subject`` tells apart what one rule watches many of, such as budgets; it is the same whenever that one is read.
    ``value`` is None where nothing could be measured, ``samples`` is how many observations are in it.
    """

    value: float | None
    samples: int = 1
    subject: str = ""
    text: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule calls bad: a value past the threshold, of ``min_samples`` observations at least, for ``hold``."""

    comparison: Comparison
    threshold: float
    min_samples: int
    hold: timedelta

    def is_met(self, reading: Reading | None) -> bool:
        """Say whether the value is past the threshold; a value that is missing, or of too few samples, is not."""
        if reading is None or reading.value is None or reading.samples < self.min_samples:
            return False
        if self.comparison is Comparison.ABOVE:
            return reading.value > self.threshold
        if self.comparison is Comparison.AT_LEAST:
            return reading.value >= self.threshold
        return reading.value < self.threshold


def step(condition: Condition, *, is_met: bool, state: State | None, since: datetime | None, now: datetime) -> Step:
    """Return what becomes of the open alert of a subject.

    Args:
        condition: The rule's.
        is_met: Whether the condition is met now.
        state: ``PENDING`` or ``FIRING`` of the open alert; None where there is none.
        since: When that alert began to be pending; None where there is none.
        now: Aware.
    """
    if not is_met:
        return {None: Step.NOTHING, State.PENDING: Step.DROP}.get(state, Step.RESOLVE)
    if state is State.FIRING:
        return Step.KEEP
    if now - (since or now) >= condition.hold:
        return Step.FIRE
    return Step.OPEN if state is None else Step.KEEP
