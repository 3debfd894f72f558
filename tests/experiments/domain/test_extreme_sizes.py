"""The size of an experiment can be told for whatever may be asked for, however little sense it makes."""

from itertools import product

import pytest

from experiments.domain import power
from experiments.domain.plan import MODES, Guardrail
from tests.experiments.domain.arms import plan

EXTREMES = list(product(MODES, (1e-4, 0.5), (0.5, 0.99), (0.005, 0.9), (0.001, 0.99)))


@pytest.mark.parametrize(("mode", "alpha", "chance", "effect", "margin"), EXTREMES)
def test_requirements_are_finite(mode, alpha, chance, effect, margin) -> None:
    guardrails = tuple(Guardrail(metric, margin) for metric in ("quality", "latency", "error_rate"))
    extreme = plan(
        mode=mode, sample_size=1, alpha=alpha, power=chance, min_effect=effect, tau=0.001, guardrails=guardrails
    )

    found = power.requirements(extreme)

    assert all(20 <= one.units_per_arm <= one.requests < 2**53 for one in found)
    assert all(0 <= (one.chance_at_planned_size or 0) <= 1 for one in found)


def test_size_is_told_where_scipy_cannot_tell_the_tail() -> None:
    # Four deviations at alpha 0.0001 need few units: the normal formula says 2 (3.89 + 0.84)^2 / 16 = 2.8.
    assert 3 < power.units_per_arm(4.0, 1e-4, 0.8) < 10
