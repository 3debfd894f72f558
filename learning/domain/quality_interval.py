"""How far a mean quality may be off, and which models are worth their price."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class ModelScore:
    """A model's mean quality in [0, 1] and mean cost in nano-dollars (None where none is known)."""

    model: str
    quality: float
    cost_nano_usd: float | None


def interval(mean: float, count: int) -> tuple[float, float]:
    """Return a 95 % interval of a mean of values in [0, 1], by Wilson's score (1927).

    Exact in its assumptions for right and wrong, and on the safe side for grades between: no distribution on [0, 1]
    with this mean varies more.
    """
    if count == 0:
        return 0.0, 1.0
    z2 = _Z_95**2
    center = (mean + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z_95 * math.sqrt(mean * (1 - mean) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, center - half), min(1.0, center + half)


def dominated(scores: Sequence[ModelScore]) -> frozenset[str]:
    """Return the models than which another is at least as good and as cheap, and better in one of the two."""
    return frozenset(score.model for score in scores if any(_is_better(other, score) for other in scores))


def _is_better(one: ModelScore, other: ModelScore) -> bool:
    if one.cost_nano_usd is None or other.cost_nano_usd is None:
        return False
    is_no_worse = one.quality >= other.quality and one.cost_nano_usd <= other.cost_nano_usd
    return is_no_worse and (one.quality > other.quality or one.cost_nano_usd < other.cost_nano_usd)
