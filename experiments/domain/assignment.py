"""Which arm a unit belongs to: a hash, so that every process gives the same answer without asking anybody."""

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

# Version 1 is reserved for assignment by even and odd hashes.
HASH_VERSION = 2
_SMALLEST_GAP = 1e-9


class InvalidWeights(ValueError):
    """The weights of the arms cannot split traffic."""


class NamespaceFull(Exception):
    """The experiments that run in a namespace leave no room for another of the size asked for."""


def position(key: str) -> float:
    """Return where ``key`` lies in [0, 1): the first 32 bits of its MD5 sum, evenly spread over keys."""
    # The cast to 32 bits is the specification's; nothing here has to withstand somebody who picks their own id.
    return int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()[:8], 16) / 2**32


def check_weights(weights: Mapping[str, float]) -> None:
    """Raise InvalidWeights unless there are two or more arms with positive shares that add up to 1."""
    if len(weights) < 2:
        raise InvalidWeights("An experiment needs at least two arms.")
    # Written so that NaN, which is neither above nor below anything, is refused too.
    if not all(0 < weight < 1 for weight in weights.values()):
        raise InvalidWeights("Every arm's weight must lie between 0 and 1.")
    if not abs(sum(weights.values()) - 1) <= 1e-6:
        raise InvalidWeights(f"The weights of the arms must add up to 1, not {sum(weights.values()):g}.")


def arm(experiment_id: object, unit: str, weights: Mapping[str, float]) -> str:
    """Return the arm of ``unit``; ``weights`` are shares of the arms, in the order in which they were created."""
    ends = list(accumulate(weights.values()))
    # Of the last end, not of 1: the sum of weights may be a rounding error away from it.
    return list(weights)[bisect_right(ends, position(f"{experiment_id}:{unit}") * ends[-1])]


def is_in_traffic(experiment_id: object, unit: str, traffic_percent: float) -> bool:
    """Say whether ``unit`` takes part at all; its own salt keeps this independent of the arm."""
    return position(f"traffic:{experiment_id}:{unit}") < traffic_percent / 100


def is_in_namespace(namespace: str, unit: str, start: float, end: float) -> bool:
    """Say whether ``unit`` lies in [start, end) of a namespace: experiments with separate ranges share no unit."""
    return start <= position(f"ns:{namespace}:{unit}") < end


def free_range(taken: Sequence[tuple[float, float]], width: float) -> tuple[float, float]:
    """Return the first range of ``width`` in [0, 1] of a namespace that overlaps none of ``taken``.

    Raises:
        NamespaceFull: when no gap is that wide.
    """
    start = 0.0
    for low, high in [*sorted(taken), (1.0, 1.0)]:
        if low - start >= width - _SMALLEST_GAP:
            return start, min(1.0, start + width)
        start = max(start, high)
    raise NamespaceFull(f"No {width:.0%} of this namespace are free; end one of its experiments or ask for less.")
