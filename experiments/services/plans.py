"""Reads the plan of an experiment from its row, as the analysis takes it."""

from typing import cast

from experiments.domain.plan import Denominator, ExperimentPlan, Guardrail, Minima, Mode
from experiments.models import Experiment


def plan_of(experiment: Experiment) -> ExperimentPlan:
    """Return what was decided about the experiment before its first request.

    Raises:
        InvalidPlan: The row's settings are none to analyze by; what ``creation`` stores never is.
    """
    weights = {arm["name"]: arm["weight"] for arm in experiment.arms}
    return ExperimentPlan(
        control=experiment.arms[0]["name"],
        weights=weights,
        sample_size=experiment.sample_size,
        mode=cast(Mode, experiment.mode) if experiment.mode else None,
        alpha=experiment.alpha,
        power=experiment.power,
        min_effect=experiment.min_effect,
        tau=experiment.tau,
        denominator=cast(Denominator, experiment.denominator),
        guardrails=tuple(Guardrail(**guardrail) for guardrail in experiment.guardrails),
        minima=Minima(**experiment.minima),
    )
