"""Cost-quality curves: what a router gives for what it costs, and how that is summed up.

Random mixing of two settings of a router gives every point on the line between them, so that a router is worth its
upper concave hull. Areas and savings are read from that hull, over the range of cost from the cheapest model to the
dearest.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.routing.pools import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Hull:
    """Vertices of a concave curve that rises from left to right; beyond the last one it is flat."""

    cost: FloatArray
    quality: FloatArray

    def quality_at(self, cost: FloatArray | float) -> FloatArray:
        """Return the quality at a cost; left of the first vertex it is that vertex's."""
        return np.asarray(np.interp(cost, self.cost, self.quality), dtype=np.float64)

    def cost_at(self, quality: float) -> float:
        """Return the least cost of this quality, nan where the curve never reaches it."""
        if quality > self.quality[-1] + 1e-12:
            return float("nan")
        return float(np.interp(quality, self.quality, self.cost))

    def area(self, low: float, high: float) -> float:
        """Return the integral of quality over cost from ``low`` to ``high``."""
        inside = self.cost[(self.cost > low) & (self.cost < high)]
        cost = np.concatenate(([low], inside, [high]))
        return float(np.trapezoid(self.quality_at(cost), cost))


def hull(cost: FloatArray, quality: FloatArray) -> Hull:
    """Return the upper concave hull of points, up to the one of the highest quality."""
    kept: list[tuple[float, float]] = []
    for c, q in sorted(zip(cost.tolist(), quality.tolist(), strict=True), key=lambda point: (point[0], -point[1])):
        if kept and (c == kept[-1][0] or q <= kept[-1][1]):
            # A point that costs as much or more and is no better is on no rising curve.
            continue
        while len(kept) >= 2 and _is_below(kept[-2], kept[-1], (c, q)):
            kept.pop()
        kept.append((c, q))
    vertices = np.array(kept)
    return Hull(vertices[:, 0], vertices[:, 1])


def area_closed(router: Hull, mix: Hull, oracle: Hull, low: float, high: float) -> float:
    """Return which share of the area between random mix and oracle lies below the router; negative below the mix."""
    least = mix.area(low, high)
    return ratio(router.area(low, high) - least, oracle.area(low, high) - least)


def saved_at(router: Hull, share: float, best_quality: float, best_cost: float) -> float:
    """Return the share of the best single model's cost that is saved at ``share`` of its quality.

    Not a number where the router never reaches that quality, or that model is free; negative where it costs more.
    """
    return 1.0 - ratio(router.cost_at(share * best_quality), best_cost)


def ratio(part: float, whole: float) -> float:
    """Return part / whole, not a number where the whole is zero."""
    return part / whole if whole else float("nan")


def _is_below(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    return (middle[1] - first[1]) * (last[0] - first[0]) <= (last[1] - first[1]) * (middle[0] - first[0])
