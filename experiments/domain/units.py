"""What was measured in an arm, summed up for each unit of assignment (a user, or a request).

A unit, not a request, is what chance dealt to an arm: requests of one user resemble each other, so that counting them
as independent finds differences where there are none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_OPTIONAL = ("priced_requests", "reference_cost_usd", "latency_ms", "timed_requests", "errors", "quality", "ratings")
_SUMS = ("requests", "cost_usd", *_OPTIONAL)


@dataclass(frozen=True, slots=True, eq=False)
class Latencies:
    """Single latencies for quantiles: milliseconds, and the position of each one's unit in the arm's arrays."""

    values_ms: Floats
    units: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class ArmData:
    """Sums over the requests of each unit of one arm, all arrays in the same order of units.

    Every unit that was assigned is in it, also without a request, in the arm it was assigned to (intention to treat).
    None means that nobody measured it.

    Attributes:
        requests: number of requests, failed ones too.
        cost_usd: what they cost, where that is known. Dollars as floats: they are estimated with here, never booked.
        priced_requests: for how many of them the cost is known; None for all. The others cost something, not nothing.
        reference_cost_usd: what these were expected to cost before assignment, for all of them or None.
        latency_ms: sum of the latencies of ``timed_requests`` requests.
        errors: how many requests failed.
        quality: sum of the quality of ``ratings`` rated requests.
        latencies: single latencies, where the 95th percentile is wanted.

    Raises:
        ValueError: for values that are not finite and nonnegative, lengths that differ, or more errors or ratings
            than requests.
    """

    requests: Floats
    cost_usd: Floats
    priced_requests: Floats | None = None
    reference_cost_usd: Floats | None = None
    latency_ms: Floats | None = None
    timed_requests: Floats | None = None
    errors: Floats | None = None
    quality: Floats | None = None
    ratings: Floats | None = None
    latencies: Latencies | None = None

    def __post_init__(self) -> None:
        for name in _SUMS:
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, _checked(name, values, len(self.requests)))
        if self.priced_requests is None:
            object.__setattr__(self, "priced_requests", self.requests)
        for name in ("priced_requests", "timed_requests", "errors", "ratings"):
            counts = getattr(self, name)
            if counts is not None and (counts > self.requests).any():
                raise ValueError(f"A unit has more {name.replace('_', ' ')} than requests.")
        if (self.latency_ms is None) != (self.timed_requests is None) or (self.quality is None) != (
            self.ratings is None
        ):
            raise ValueError("Sums of latency and quality come with the number of requests they are sums over.")

    @property
    def units(self) -> int:
        """Number of units assigned to the arm."""
        return len(self.requests)


class UnitSums:
    """Adds up requests as they come; ``arm()`` gives the sums so far, in O(units)."""

    def __init__(self) -> None:
        self._positions: dict[str, int] = {}
        self._sums: dict[str, Floats] = {name: np.zeros(16) for name in _SUMS}
        # A sum over some of the requests would not fit the number of all of them.
        self._has_reference = self._has_errors = True
        self._latencies: list[tuple[float, int]] = []

    def expose(self, unit: str) -> int:
        """Count ``unit`` as assigned, with or without a request, and return its position."""
        position = self._positions.setdefault(unit, len(self._positions))
        if position >= len(self._sums["requests"]):
            self._sums = {name: np.concatenate((sums, np.zeros_like(sums))) for name, sums in self._sums.items()}
        return position

    def add(
        self,
        unit: str,
        *,
        cost_usd: float | None,
        reference_cost_usd: float | None = None,
        latency_ms: float | None = None,
        is_error: bool | None = None,
        quality: float | None = None,
    ) -> None:
        """Count one request of ``unit``; a cost of None is unknown, and its reference cost is left out as well."""
        position, sums = self.expose(unit), self._sums
        sums["requests"][position] += 1
        if cost_usd is not None:
            self._add_cost(position, cost_usd, reference_cost_usd)
        if is_error is None:
            self._has_errors = False
        else:
            sums["errors"][position] += is_error
        if latency_ms is not None:
            sums["latency_ms"][position] += latency_ms
            sums["timed_requests"][position] += 1
            self._latencies.append((latency_ms, position))
        if quality is not None:
            self.rate(unit, quality)

    def rate(self, unit: str, quality: float) -> None:
        """Count a rating of one of the requests of ``unit``; ratings come later than the requests."""
        position = self.expose(unit)
        self._sums["quality"][position] += quality
        self._sums["ratings"][position] += 1

    def arm(self, *, with_latencies: bool = False) -> ArmData:
        """Return a copy of the sums so far; ``with_latencies`` also every single latency."""
        size = len(self._positions)
        sums: dict[str, Any] = {name: values[:size].copy() for name, values in self._sums.items()}
        sums["reference_cost_usd"] = sums["reference_cost_usd"] if self._has_reference else None
        sums["errors"] = sums["errors"] if self._has_errors else None
        for total, count in (("latency_ms", "timed_requests"), ("quality", "ratings")):
            if not sums[count].any():
                sums[total] = sums[count] = None
        return ArmData(**sums, latencies=self._single_latencies() if with_latencies else None)

    def _add_cost(self, position: int, cost_usd: float, reference_cost_usd: float | None) -> None:
        self._sums["cost_usd"][position] += cost_usd
        self._sums["priced_requests"][position] += 1
        if reference_cost_usd is None:
            self._has_reference = False
        else:
            self._sums["reference_cost_usd"][position] += reference_cost_usd

    def _single_latencies(self) -> Latencies | None:
        if not self._latencies:
            return None
        values, units = zip(*self._latencies, strict=True)
        return Latencies(np.array(values, dtype=np.float64), np.array(units, dtype=np.intp))


def effective_number(weights: Floats) -> float:
    """Return (Σw)² / Σw²: how many units of equal weight would tell as much."""
    heaviest = weights.max(initial=0.0)
    if heaviest <= 0:
        return 0.0
    # By the heaviest, so that no square leaves the range of doubles.
    relative = weights / heaviest
    return float(relative.sum() ** 2 / (relative @ relative))


def _checked(name: str, values: Floats | Sequence[float], length: int) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) != length:
        raise ValueError(f"{name} needs one value for each of the {length} units.")
    # One pass: a NaN or an infinity makes the minimum or the maximum fail the test.
    if length and not (array.min() >= 0 and array.max() < np.inf):
        raise ValueError(f"{name} must be finite and not negative.")
    return array
