"""Stretches of time as sorted lists of disjoint ranges, each from its start up to, but not including, its end."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

Range = tuple[datetime, datetime]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor(moment: datetime, step: timedelta) -> datetime:
    """Return the last whole ``step`` since 1970 in UTC that is not after ``moment``."""
    return moment - (moment - _EPOCH) % step


def ceiling(moment: datetime, step: timedelta) -> datetime:
    """Return the first whole ``step`` since 1970 in UTC that is not before ``moment``."""
    return moment + (_EPOCH - moment) % step


def whole(since: datetime, until: datetime, step: timedelta) -> list[Range]:
    """Return the range of whole steps within a period; nothing where there is none."""
    start, end = ceiling(since, step), floor(until, step)
    return [(start, end)] if start < end else []


def joined(starts: Iterable[datetime], length: timedelta) -> list[Range]:
    """Return the ranges covered by periods of one length that begin at ``starts``, neighbors as one."""
    ranges: list[Range] = []
    for start in sorted(starts):
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], start + length)
        else:
            ranges.append((start, start + length))
    return ranges


def without(ranges: Sequence[Range], holes: Sequence[Range]) -> list[Range]:
    """Return what is left of ``ranges`` outside ``holes``."""
    left: list[Range] = []
    pending = iter(holes)
    hole = next(pending, None)
    for start, end in ranges:
        while hole is not None and hole[0] < end:
            if start < hole[0]:
                left.append((start, hole[0]))
            start = max(start, hole[1])
            if hole[1] > end:
                # It reaches into the next range.
                break
            hole = next(pending, None)
        if start < end:
            left.append((start, end))
    return left
