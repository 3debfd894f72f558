"""Starts experiments: checks what is asked for, says how large it must be, and splits the traffic."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, cast

from django.db import transaction

from accounts.models import Team
from accounts.services import features
from accounts.services.features import Feature
from experiments.domain import power
from experiments.domain.plan import InvalidPlan
from experiments.models import Experiment
from experiments.selectors import past_traffic
from experiments.services import strategies
from experiments.services.plans import plan_of
from experiments.services.strategies import InvalidStrategy
from routing.domain import traffic_split
from routing.domain.traffic_split import Arm, Unit
from routing.services import traffic_splits

CONTROL, TEST = "control", "test"
# Beyond these an experiment would take more requests than anybody has, or decide by chance.
_BOUNDS = {"alpha": (0.0001, 0.5), "power": (0.5, 0.99), "min_effect": (0.005, 0.9), "tau": (0.001, 10.0)}
_LEAST_MARGIN = 0.001


@dataclass(frozen=True, slots=True)
class Design:
    """What an experiment compares, on which traffic, and how it will be judged.

    Attributes:
        control_strategy, test_strategy: a strategy's name, or ``policy:<version>``; they must differ.
        weights: shares of the arms, by name, adding up to 1.
        traffic_percent: share in [0, 100] of the units of ``auto`` that join without asking.
        namespace: of experiments that share no such unit with one another; needs a ``traffic_percent``.
        guardrails: objects with ``metric`` and ``margin``, as ``experiments.domain.plan.Guardrail`` takes them.
        minima: some of requests, units, effective_units and hours.
        on_winner: ``report`` it, or ``promote`` the winner.

    The rest is as ``experiments.domain.plan.ExperimentPlan`` has it.
    """

    name: str
    control_strategy: str
    test_strategy: str
    description: str = ""
    weights: dict[str, float] = field(default_factory=lambda: {CONTROL: 0.5, TEST: 0.5})
    unit: str = Experiment.Unit.USER
    traffic_percent: float = 0.0
    namespace: str = ""
    sample_size: int | None = None
    mode: str = ""
    alpha: float = 0.05
    power: float = 0.8
    min_effect: float = 0.1
    tau: float | None = None
    denominator: str = "reference_cost"
    guardrails: Sequence[dict[str, Any]] = ()
    minima: dict[str, float] = field(default_factory=dict)
    on_winner: str = Experiment.OnWinner.REPORT
    is_trial: bool = False


def create(design: Design, *, team: Team | None, actor: str, now: datetime) -> Experiment:
    """Store an experiment and begin to split its traffic, in one transaction.

    Raises:
        InvalidStrategy: One of the two is not known here, or they are the same.
        InvalidPlan: It could not be analyzed as asked; the message names the setting.
        NamespaceFull: The running experiments of the namespace leave less than ``traffic_percent``.
        FeatureDisabled: Experiments are off.
    """
    features.require(Feature.EXPERIMENTS, team)
    experiment = draft(design, team=team, actor=actor, now=now)
    with transaction.atomic():
        experiment.save(force_insert=True)
        traffic_splits.start(
            experiment_id=experiment.id,
            team=team,
            unit=cast(Unit, experiment.unit),
            arms=traffic_split.parse(experiment.arms),
            traffic_percent=experiment.traffic_percent,
            namespace=experiment.namespace,
        )
    return experiment


def draft(design: Design, *, team: Team | None, actor: str, now: datetime) -> Experiment:
    """Return the experiment that ``create`` would start, with its requirements; nothing is stored.

    Raises:
        InvalidStrategy: One of the two is not known here, or they are the same.
        InvalidPlan: It could not be analyzed as asked; the message names the setting.
    """
    arms = _arms(design, team)
    _check_bounds(design)
    experiment = Experiment(
        team=team,
        arms=traffic_split.documents(arms),
        created_by=actor,
        started_at=now,
        phase_started_at=now,
        **_stored(design),
    )
    experiment.requirements = requirements(experiment, now=now)
    return experiment


def requirements(experiment: Experiment, *, now: datetime) -> list[dict[str, Any]]:
    """Return how many units and requests each metric asks for; guardrails usually ask for more than cost does.

    They follow from how much the metrics varied in the team's past traffic, where there is enough of it, and else from
    what is seen on mixed traffic (``is_observed`` says which).

    Raises:
        InvalidPlan: The experiment could not be analyzed as asked.
    """
    observed = past_traffic.spreads(experiment.team, unit=experiment.unit, now=now)
    found = power.requirements(plan_of(experiment), {**power.GUESSES, **observed})
    return [
        {name: getattr(one, name) for name in one.__slots__} | {"is_observed": one.metric in observed} for one in found
    ]


def _arms(design: Design, team: Team | None) -> list[Arm]:
    if set(design.weights) != {CONTROL, TEST}:
        raise InvalidPlan(f"Give a weight for each of {CONTROL} and {TEST}.")
    given = {"control_strategy": (CONTROL, design.control_strategy), "test_strategy": (TEST, design.test_strategy)}
    arms = [
        strategies.arm(name, design.weights[name], strategy, team=team, field=place)
        for place, (name, strategy) in given.items()
    ]
    if design.control_strategy == design.test_strategy:
        raise InvalidStrategy("test_strategy", "Both arms route alike: choose another strategy for one of them.")
    return arms


def _check_bounds(design: Design) -> None:
    for name, (least, most) in _BOUNDS.items():
        value = getattr(design, name)
        if value is not None and not least <= value <= most:
            raise InvalidPlan(f"{name} must lie between {least:g} and {most:g}.")
    for guardrail in design.guardrails:
        if not guardrail["margin"] >= _LEAST_MARGIN:
            raise InvalidPlan(f"The margin of {guardrail['metric']} must be at least {_LEAST_MARGIN:g}.")
    if design.namespace and not design.traffic_percent:
        raise InvalidPlan("A namespace divides the traffic that joins by itself: give a traffic_percent as well.")


def _stored(design: Design) -> dict[str, Any]:
    values = asdict(design)
    del values["weights"]
    return values | {"guardrails": [dict(guardrail) for guardrail in design.guardrails]}
