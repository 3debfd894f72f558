"""Figures from public test suites and from other implementations, each with its source (tests/experiments/vectors)."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.domain.units import ArmData, UnitSums
from experiments.domain.welch import Sample

_FOLDER = Path(__file__).parent.parent / "vectors"
_CASES: dict[str, list[dict[str, Any]]] = json.loads((_FOLDER / "public_suites.json").read_text())
_CLUSTERED: dict[str, Any] = json.loads((_FOLDER / "clustered_requests.json").read_text())


def cases(group: str) -> pytest.MarkDecorator:
    """Run a test once for each case of the group; it takes ``inputs``, ``expected`` and ``tolerance``."""
    values = [pytest.param(case["inputs"], case["expected"], case["tol"], id=case["id"]) for case in _CASES[group]]
    return pytest.mark.parametrize(("inputs", "expected", "tolerance"), values)


def sample(moments: dict[str, float]) -> Sample:
    """Return the mean of plain observations from their number, sum and sum of squares."""
    count, total = moments["n"], moments["sum"]
    return Sample(total / count, (moments["sum_squares"] - total**2 / count) / (count - 1) / count, count - 1)


def clustered_arms() -> dict[str, ArmData]:
    """Return the clustered data set by arm, its requests summed up by user."""
    sums: dict[str, UnitSums] = defaultdict(UnitSums)
    for arm, user, cost_usd, latency_ms, quality in _CLUSTERED["rows"]:
        sums[arm].add(user, cost_usd=cost_usd, latency_ms=latency_ms, quality=quality)
    return {name: units.arm(with_latencies=True) for name, units in sums.items()}


def clustered_costs(arm: str) -> np.ndarray:
    """Return the cost of every request of an arm of the clustered data set."""
    return np.array([row[2] for row in _CLUSTERED["rows"] if row[0] == arm])
