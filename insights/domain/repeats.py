"""Which requests the response cache would have answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

# What is assumed, and suggested, where a team has not turned its cache on: short enough for answers that age.
SUGGESTED_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Repeats:
    """Requests for one prompt: those that a cached answer would have served, and what these cost."""

    requests: int
    repeats: int
    repeats_cost_nano_usd: int


def count(requests: Iterable[tuple[datetime, int]], lifetime: timedelta) -> Repeats:
    """Count repeats as the cache would: an answer is kept from its request on, and another once that has expired.

    Args:
        requests: When each began and what it cost, in nano-dollars, by time.
        lifetime: How long an answer is kept.
    """
    total = repeats = cost = 0
    kept_since: datetime | None = None
    for at, cost_nano_usd in requests:
        total += 1
        if kept_since is not None and at - kept_since < lifetime:
            repeats += 1
            cost += cost_nano_usd
        else:
            kept_since = at
    return Repeats(total, repeats, cost)
