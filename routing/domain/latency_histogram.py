"""Latencies counted in buckets that grow with the latency, so that counts of any periods can be added up.

Below 64 ms each millisecond has a bucket of its own; above, each doubling is cut into 32 buckets of equal width, as in
HdrHistogram (Tene, http://hdrhistogram.org). A bucket is named after its lowest latency. Its middle stands for whatever
it holds, which is off by at most half its width: 1/64 of the latency.
"""

from collections.abc import Mapping
from dataclasses import dataclass

RELATIVE_ERROR = 1 / 64
# Latencies below this are exact: it takes one bit more than the 5 that cut a doubling into 32.
EXACT_BELOW_MS = 64
_SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds, interpolated between neighbors as SQL's ``percentile_cont`` does; None when nothing was timed."""

    p50: float | None
    p95: float | None
    p99: float | None


def bucket_of(latency_ms: int) -> int:
    """Return the bucket of a latency: the lowest of the whole milliseconds that share it."""
    shift = _shift(latency_ms)
    return latency_ms >> shift << shift


def percentiles(counts: Mapping[int, int]) -> Percentiles:
    """Return the percentiles of what was counted by bucket, each within ``RELATIVE_ERROR`` of the exact one."""
    total = sum(counts.values())
    if total == 0:
        return Percentiles(None, None, None)
    ordered = sorted(counts.items())
    return Percentiles(*(_at(ordered, (total - 1) * share) for share in _SHARES))


def _at(ordered: list[tuple[int, int]], position: float) -> float:
    """Return the latency at a position that counts from 0 and may lie between two of them."""
    lower = int(position)
    below, above = _nth(ordered, lower), _nth(ordered, lower + 1)
    return below + (above - below) * (position - lower)


def _nth(ordered: list[tuple[int, int]], number: int) -> float:
    seen = 0
    for bucket, count in ordered:
        seen += count
        if seen > number:
            return _middle(bucket)
    return _middle(ordered[-1][0])


def _middle(bucket: int) -> float:
    return bucket + ((1 << _shift(bucket)) - 1) / 2


def _shift(latency_ms: int) -> int:
    return max(0, latency_ms.bit_length() - EXACT_BELOW_MS.bit_length() + 1)
