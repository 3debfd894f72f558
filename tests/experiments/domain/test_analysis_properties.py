"""What must hold of every analysis, whatever the data."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.domain.history import InvalidHistory
from experiments.domain.plan import Guardrail
from experiments.domain.result import Analysis
from experiments.domain.units import ArmData, Latencies
from tests.experiments.domain.arms import look, plan, varied

HOSTILE = st.sampled_from([0.0, 1.0, 1e-300, 1e-12, 0.001, 3.5, 1e12, 1e300])
PLANS = (
    plan(),
    plan(sample_size=40),
    plan(sample_size=10_000),
    plan(sample_size=40, mode="fixed"),
    plan(guardrails=(Guardrail("latency_p95", 0.1), Guardrail("quality", 0.1))),
)


@st.composite
def hostile_arms(draw: Any) -> ArmData:
    """Draw an arm whose sums are out of proportion with each other."""
    units = draw(st.integers(0, 40))

    def sums() -> np.ndarray:
        return np.array(draw(st.lists(HOSTILE, min_size=units, max_size=units)))

    requests = np.array(draw(st.lists(st.sampled_from([0.0, 1.0, 7.0, 1e6]), min_size=units, max_size=units)))
    return ArmData(
        requests,
        sums(),
        reference_cost_usd=draw(st.sampled_from([None, sums()])),
        latency_ms=sums(),
        timed_requests=requests,
        errors=np.minimum(requests, 1),
        quality=sums(),
        ratings=requests,
        latencies=Latencies(sums(), np.arange(units)),
    )


@settings(max_examples=60)
@given(st.sampled_from(PLANS), hostile_arms(), hostile_arms(), st.booleans())
def test_hostile_data_give_finite_numbers_or_none(
    experiment: Any, control: ArmData, test: ArmData, is_closed: bool
) -> None:
    first = look(experiment, control, test, is_closed=is_closed)
    second = look(experiment, control, test, state=json.loads(json.dumps(first.history, allow_nan=False)))
    json.dumps(second.as_json(), allow_nan=False)
    assert all(0 <= p <= 1 for p in _p_values(second))
    assert second.decision.explanation


@settings(max_examples=25)
@given(st.integers(1, 50), st.floats(0.3, 3), st.sampled_from([None, 400, 100_000]))
def test_swapping_the_arms_swaps_the_verdict(seed: int, factor: float, size: int | None) -> None:
    a, b = varied(60, quality=0.8, seed=seed), varied(60, 0.001 * factor, quality=0.8, seed=seed + 1000)
    there, back = look(plan(sample_size=size), a, b), look(plan(sample_size=size), b, a)
    swapped = {"control": "test", "test": "control", None: None}
    # A guardrail fails only where the arm that is tested is the worse one.
    assert back.p_value == pytest.approx(there.p_value)
    assert back.comparisons[0].estimate.effect == pytest.approx(-there.comparisons[0].estimate.effect)
    assert there.decision.winner in (swapped[back.decision.winner], None)


@settings(max_examples=25)
@given(st.integers(1, 50), st.sampled_from([1e-9, 1e-3, 7.0, 1e6]))
def test_currency_of_the_costs_does_not_matter(seed: int, factor: float) -> None:
    arms = varied(60, seed=seed), varied(60, 0.0009, seed=seed + 1000)
    scaled = [_with_cost(arm, arm.cost_usd * factor) for arm in arms]
    plainly, converted = look(plan(), *arms), look(plan(), scaled[0], scaled[1])
    assert converted.decision.status == plainly.decision.status
    assert converted.p_value == pytest.approx(plainly.p_value, rel=1e-9)
    assert converted.comparisons[0].interval == pytest.approx(plainly.comparisons[0].interval, rel=1e-9)


@settings(max_examples=25)
@given(st.integers(1, 50), st.integers(1, 30))
def test_units_without_a_request_change_no_estimate(seed: int, idle: int) -> None:
    arms = varied(60, quality=0.8, seed=seed), varied(60, 0.0009, quality=0.8, seed=seed + 1000)
    padded = [_padded(arm, idle) for arm in arms]
    without, with_idle = look(plan(), *arms), look(plan(), padded[0], padded[1])
    assert with_idle.p_value == pytest.approx(without.p_value)
    assert with_idle.comparisons[0].interval == pytest.approx(without.comparisons[0].interval)
    assert with_idle.health.units == {"control": 60 + idle, "test": 60 + idle}


@settings(max_examples=25)
@given(st.integers(1, 50))
def test_p_value_never_rises_from_look_to_look(seed: int) -> None:
    arms = varied(300, seed=seed), varied(300, 0.0009, seed=seed + 1000)
    state, previous = None, 1.0
    for units in range(30, 301, 30):
        found = look(plan(), _first(arms[0], units), _first(arms[1], units), state=state)
        assert found.p_value is not None
        assert found.p_value <= previous
        state, previous = found.history, found.p_value


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize("field", ["cost_usd", "latency_ms", "quality", "reference_cost_usd"])
def test_values_that_are_no_measurement_are_refused(field: str, value: float) -> None:
    ones = np.ones(3)
    sums: dict[str, Any] = {
        "cost_usd": ones,
        "latency_ms": ones,
        "timed_requests": ones,
        "quality": ones,
        "ratings": ones,
    }
    with pytest.raises(ValueError, match=f"{field} must be finite and not negative"):
        ArmData(ones, **{**sums, field: np.array([1.0, value, 1.0])})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"schema": 2}, "unknown schema 2"),
        ({"srm_p": math.nan}, "holds nan"),
        ({"srm_p": "often"}, "damaged"),
        ({"looks": [0.5, 0.4]}, "not in order"),
        ({"looks": None}, "damaged"),
        ({"records": [["control", "test", "quality", 2.0, 1.0, None, None]]}, "holds 2.0"),
        ({"records": [["control", "test", "quality", 1.0, 1.0, math.inf, None]]}, "bound inf"),
        ({"records": [["control"]]}, "damaged"),
    ],
)
def test_damaged_state_is_refused(damage: dict[str, Any], message: str) -> None:
    state = {**look(plan(), varied(60), varied(60)).history, **damage}
    with pytest.raises(InvalidHistory, match=message):
        look(plan(), varied(60), varied(60), state=state)


def _p_values(found: Analysis) -> list[float]:
    values = [comparison.p_value for comparison in found.comparisons]
    return [value for value in values if value is not None]


def _with_cost(arm: ArmData, cost_usd: np.ndarray) -> ArmData:
    return replace(arm, cost_usd=cost_usd)


def _padded(arm: ArmData, idle: int) -> ArmData:
    zeros = np.zeros(idle)
    names = ("requests", "cost_usd", "latency_ms", "timed_requests", "errors", "quality", "ratings")
    sums: dict[str, Any] = {name: np.concatenate((getattr(arm, name), zeros)) for name in names}
    return ArmData(**sums)


def _first(arm: ArmData, units: int) -> ArmData:
    return ArmData(arm.requests[:units], arm.cost_usd[:units])
