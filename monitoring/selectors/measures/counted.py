"""What the processes counted in a stretch of time: the difference of two samples of their counters."""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate

from accounts.domain.series import SERIES
from monitoring.domain.alerting import Reading
from monitoring.models import CounterSample

_UPDATES = "learning_update_duration_seconds"
_ENDPOINTS = "api_request_duration_seconds"


def insights_cache(since: datetime, now: datetime) -> list[Reading]:
    """Return the share of the look-ups of insights that were answered from the cache."""
    counted = _counted(since, now)
    hits, misses = (_first(counted.get(f"insights_cache_{result}")) for result in ("hit", "miss"))
    lookups = hits + misses
    if not lookups:
        return [Reading(None, 0)]
    text = f"{hits:.0f} of {lookups:.0f} look-ups were answered from the cache."
    return [Reading(hits / lookups, int(lookups), text=text)]


def endpoint_errors(since: datetime, now: datetime) -> Reading:
    """Return the share of the requests to all endpoints but completions that were answered with 500 or more."""
    counted = _counted(since, now)
    requests, failed = (_first(counted.get(f"endpoint_{what}")) for what in ("requests", "errors"))
    if not requests:
        return Reading(None, 0, "other endpoints")
    text = f"{failed:.0f} of {requests:.0f} requests to other endpoints than completions failed."
    return Reading(failed / requests, int(requests), "other endpoints", text)


def completion_errors(since: datetime, now: datetime) -> int:
    """Return how many completions were answered with 500 or more on this machine, in the ledger or not."""
    return int(_first(_counted(since, now).get("completion_errors")))


def update_seconds(since: datetime, now: datetime) -> list[Reading]:
    """Return a bound that 95 of 100 updates of what is learned stayed within: the end of the bucket they reach."""
    return [_p95(_counted(since, now).get("learning_update_seconds", [0.0]), _UPDATES, "updates")]


def endpoint_faults(since: datetime, now: datetime) -> tuple[int, int]:
    """Return how many requests to all endpoints but completions failed by a fault of ours, and how many there were.

    An answer of 503 is none: so answers a feature that is off.
    """
    counted = _counted(since, now)
    return int(_first(counted.get("endpoint_faults"))), int(_first(counted.get("endpoint_requests")))


def endpoint_seconds(since: datetime, now: datetime) -> Reading:
    """Return the same bound of the requests to all endpoints but completions."""
    return _p95(_counted(since, now).get("endpoint_seconds", [0.0]), _ENDPOINTS, "requests to our endpoints")


def _p95(numbers: Sequence[float], series: str, noun: str) -> Reading:
    *counts, _total_seconds = numbers
    observed = sum(counts)
    if not observed:
        return Reading(None, 0)
    bounds = (*SERIES[series].buckets, float("inf"))
    bound = next(end for end, reached in zip(bounds, accumulate(counts), strict=True) if reached >= 0.95 * observed)
    # Beyond the last bound there is no figure; twice it stands for "longer than that".
    value = min(bound, bounds[-2] * 2)
    text = f"95 of 100 {noun} took at most {value:g} s ({observed:.0f} in all)."
    return Reading(value, int(observed), text=text)


def _counted(since: datetime, now: datetime) -> dict[str, Sequence[float]]:
    """Return how much each figure has grown; all of it where it fell, because then it was counted anew."""
    samples = CounterSample.objects.filter(taken_at__gte=since, taken_at__lte=now)
    first, last = samples.order_by("taken_at").first(), samples.order_by("-taken_at").first()
    if first is None or last is None:
        return {}
    before = first.figures
    return {name: _growth(before.get(name), numbers) for name, numbers in last.figures.items()}


def _growth(before: Sequence[float] | None, after: Sequence[float]) -> Sequence[float]:
    if before is None or len(before) != len(after):
        return after
    grown = [late - early for early, late in zip(before, after, strict=True)]
    return after if min(grown) < 0 else grown


def _first(numbers: Sequence[float] | None) -> float:
    return numbers[0] if numbers else 0.0
