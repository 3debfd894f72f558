"""Which arm a unit belongs to: a hash, so that every process gives the same answer without asking anybody.

The traffic share, the namespace and the arm are drawn with separate salts, so that none says anything about another.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal

# Version 1 is reserved for assignment by even and odd hashes.
HASH_VERSION = 2
_SMALLEST_GAP = 1e-9

Unit = Literal["user", "session", "request"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to route: by a strategy under the active policy, or by one version of the policy. One of them is None.

    ``weight`` is its share of the split's units, in (0, 1).
    """

    name: str
    weight: float
    strategy: str | None = None
    policy_version: int | None = None

    @property
    def rule(self) -> str:
        """How the arm routes, as experiments name it: a strategy, or ``policy:`` and a version."""
        return self.strategy or f"policy:{self.policy_version}"


@dataclass(frozen=True)
class Split:
    """How the units of one experiment are divided; the first arm is the control.

    ``traffic_percent``, in [0, 100], of all units join without asking. In a ``namespace`` they are those of its range
    from ``start`` to ``end``, which is as wide, so that the splits of a namespace share none.
    """

    experiment_id: int
    phase: int
    unit: Unit
    arms: tuple[Arm, ...]
    traffic_percent: float
    namespace: str = ""
    start: float = 0.0
    end: float = 1.0

    def takes(self, unit: str) -> bool:
        """Whether ``unit`` joins without asking."""
        if self.namespace:
            return is_in_namespace(self.namespace, unit, self.start, self.end)
        return is_in_traffic(self.experiment_id, unit, self.traffic_percent)

    def arm_of(self, unit: str) -> Arm:
        """Return the arm of ``unit``, the same throughout a phase."""
        return self.arms[_place(self.experiment_id, unit, self._ends)]

    @cached_property
    def _ends(self) -> list[float]:
        return list(accumulate(one.weight for one in self.arms))


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
    return list(weights)[_place(experiment_id, unit, list(accumulate(weights.values())))]


def is_in_traffic(experiment_id: object, unit: str, traffic_percent: float) -> bool:
    """Say whether ``unit`` takes part at all; its own salt keeps this independent of the arm."""
    if not 0 < traffic_percent < 100:
        return traffic_percent >= 100
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


def documents(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Return arms as JSON objects."""
    return [asdict(one) for one in arms]


def parse(documents: Sequence[Mapping[str, Any]]) -> tuple[Arm, ...]:
    """Return the arms that ``documents`` made into JSON."""
    return tuple(Arm(**one) for one in documents)


def _place(experiment_id: object, unit: str, ends: Sequence[float]) -> int:
    # Of the last end, not of 1: the sum of weights may be a rounding error away from it.
    return bisect_right(ends, position(f"{experiment_id}:{unit}") * ends[-1])
