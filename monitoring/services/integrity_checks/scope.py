"""How much a check looks at, and what it says."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from routing.domain.time_ranges import HOUR
from routing.models import UsageBucket
from routing.selectors import traffic

# The answer to people names a few; how many there are is counted.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Scope:
    """``is_full`` looks at everything there is, otherwise a check looks at a little that ``rng`` draws."""

    now: datetime
    rng: Random
    is_full: bool


@dataclass(slots=True)
class Outcome:
    """What one check looked at, and what is wrong with it."""

    name: str
    looked_at: int = 0
    failures: int = 0
    examples: list[str] = field(default_factory=list)

    def fail(self, text: str) -> None:
        self.failures += 1
        if len(self.examples) < NAMED:
            self.examples.append(text)

    @property
    def passed(self) -> bool:
        return self.failures == 0


def deleted_before() -> datetime | None:
    """Return the time before which requests have been deleted from the ledger; None where none were.

    Roll-ups stay when their requests go, so as long as the first hour that was rolled up has requests, none are gone:
    that is found by an index, the oldest request of a large ledger is not.
    """
    rolled = UsageBucket.objects.filter(span=UsageBucket.Span.HOUR, team=None)
    hours = rolled.order_by("starts_at").values_list("starts_at", flat=True)
    first = hours.first()
    if first is None or traffic.rows([(first, first + HOUR)]).exists():
        return None
    oldest = traffic.oldest_hour()
    gone = hours if oldest is None else hours.filter(starts_at__lt=oldest)
    last = gone.last()
    return None if last is None else last + HOUR
