"""The sums per unit of every arm, added up in the database: what an analysis is made from."""

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Greatest

from experiments.domain.units import ArmData, Latencies
from experiments.models import Experiment, ExperimentResult
from routing.models import Exposure

NANO_USD_PER_USD = 1e9
# Nobody notices what is faster than this, so that a fifth more of it is no harm to be held against an arm.
NOTICEABLE_MS = 100
_CHUNK = 10_000
_PRICED = Q(cost_nano_usd__isnull=False)
_SUMS: Mapping[str, Any] = {
    "requests": Count("request_id"),
    "cost": Sum("cost_nano_usd", default=0),
    "priced": Count("cost_nano_usd"),
    "reference": Sum("reference_cost_nano_usd", filter=_PRICED, default=0),
    "referenced": Count("reference_cost_nano_usd", filter=_PRICED),
    "latency": Sum(Greatest("latency_ms", NOTICEABLE_MS), filter=Q(latency_ms__isnull=False), default=0),
    "timed": Count("latency_ms"),
    "errors": Count("request_id", filter=Q(is_success=False)),
    "stars": Sum("quality_score", default=0),
    "rated": Count("quality_score"),
}
_ALIASES = {f"sum_{name}": expression for name, expression in _SUMS.items()}


@dataclass(frozen=True, slots=True)
class Measured:
    """The data of all arms by name, and how many units more than one of them served."""

    arms: dict[str, ArmData]
    units_in_both_arms: int


@dataclass(slots=True)
class _Units:
    """The units of one arm in the order of their rows in ``sums``, which are as long as ``_SUMS``."""

    positions: dict[str, int] = field(default_factory=dict)
    sums: "array[float]" = field(default_factory=lambda: array("d"))
    latencies_ms: "array[float]" = field(default_factory=lambda: array("d"))
    latency_positions: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, unit: str, sums: tuple[Any, ...]) -> None:
        self.positions[unit] = len(self.positions)
        # Sums of 64-bit integers arrive from PostgreSQL as decimals.
        self.sums.extend(map(float, sums))


def measured(experiment: Experiment) -> Measured:
    """Return what the experiment's present phase has measured.

    Units that were assigned and have no closed request yet are in it, with nothing. Cost is in dollars, quality in
    stars, latency in milliseconds, of which fewer than ``NOTICEABLE_MS`` count as so many. Single latencies are read
    only where a guardrail on their 95th percentile was asked for.
    """
    units = {arm["name"]: _Units() for arm in experiment.arms}
    results = ExperimentResult.objects.filter(experiment=experiment, phase=experiment.phase).order_by()
    rows = results.values("arm", "unit").annotate(**_ALIASES).values_list("arm", "unit", *_ALIASES)
    for arm, unit, *sums in rows.iterator(chunk_size=_CHUNK):
        units[arm].add(unit, tuple(sums))
    _add_exposed(experiment, units)
    if any(guardrail["metric"] == "latency_p95" for guardrail in experiment.guardrails):
        _add_latencies(results, units)
    seen = Counter(unit for found in units.values() for unit in found.positions)
    in_both = sum(1 for count in seen.values() if count > 1)
    return Measured({name: _arm(found) for name, found in units.items()}, in_both)


def _add_exposed(experiment: Experiment, units: Mapping[str, _Units]) -> None:
    exposed = Exposure.objects.filter(experiment_id=experiment.id, phase=experiment.phase).values_list("arm", "unit")
    for arm, unit in exposed.iterator(chunk_size=_CHUNK):
        if unit not in units[arm].positions:
            units[arm].add(unit, (0,) * len(_SUMS))


def _add_latencies(results: QuerySet[ExperimentResult], units: Mapping[str, _Units]) -> None:
    timed = results.filter(latency_ms__isnull=False).values_list("arm", "unit", Greatest("latency_ms", NOTICEABLE_MS))
    for arm, unit, latency_ms in timed.iterator(chunk_size=_CHUNK):
        units[arm].latencies_ms.append(latency_ms)
        units[arm].latency_positions.append(units[arm].positions[unit])


def _arm(units: _Units) -> ArmData:
    table = np.frombuffer(units.sums).reshape(-1, len(_SUMS)) if units.sums else np.zeros((0, len(_SUMS)))
    sums = {name: np.ascontiguousarray(table[:, column]) for column, name in enumerate(_SUMS)}
    has_reference = bool(sums["priced"].any() and (sums["referenced"] == sums["priced"]).all())
    is_timed, is_rated = bool(sums["timed"].any()), bool(sums["rated"].any())
    latencies = None
    if units.latencies_ms:
        latencies = Latencies(np.array(units.latencies_ms), np.array(units.latency_positions, dtype=np.intp))
    return ArmData(
        requests=sums["requests"],
        cost_usd=sums["cost"] / NANO_USD_PER_USD,
        priced_requests=sums["priced"],
        reference_cost_usd=sums["reference"] / NANO_USD_PER_USD if has_reference else None,
        latency_ms=sums["latency"] if is_timed else None,
        timed_requests=sums["timed"] if is_timed else None,
        errors=sums["errors"],
        quality=sums["stars"] if is_rated else None,
        ratings=sums["rated"] if is_rated else None,
        latencies=latencies,
    )
