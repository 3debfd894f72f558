"""What is still missing before anything may be decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from experiments.domain import metrics
from experiments.domain.metrics import Metric
from experiments.domain.plan import ExperimentPlan
from experiments.domain.units import ArmData, effective_number

ReasonCode = Literal["too_few_requests", "too_few_units", "too_few_effective_units", "too_early", "costs_unknown"]
# Requests whose cost is unknown are no sample of all: they are those of certain models, and so of certain arms.
LEAST_SHARE_PRICED = 0.99


@dataclass(frozen=True, slots=True)
class Shortage:
    """One minimum that does not hold; ``arm`` is empty where it counts over all arms."""

    reason_code: ReasonCode
    has: float
    needs: float
    arm: str = ""


def effective_units(metric: Metric, arm: ArmData) -> float:
    """Return the effective number of units by the denominator of the metric."""
    return effective_number(getattr(arm, metric.denominator)) if metrics.is_measured(metric, arm) else 0.0


def shortages(
    plan: ExperimentPlan, arms: Mapping[str, ArmData], effective: Mapping[str, float], running_for: timedelta
) -> tuple[Shortage, ...]:
    """Return the minima that do not hold.

    Those of units, of ``effective`` units by arm and of known costs hold at any size.
    """
    minima = plan.minima
    requests = total_requests(arms)
    found: list[Shortage] = []
    is_planned_size = plan.sample_size is not None and requests >= plan.sample_size
    if not is_planned_size and requests < minima.requests:
        found.append(Shortage("too_few_requests", requests, minima.requests))
    found += [shortage for name, arm in arms.items() for shortage in _of_arm(plan, name, arm, effective[name])]
    hours = running_for / timedelta(hours=1)
    if not is_planned_size and hours < minima.hours:
        found.append(Shortage("too_early", hours, minima.hours))
    return tuple(found)


def total_requests(arms: Mapping[str, ArmData]) -> float:
    """Return the requests of all arms."""
    return float(sum(arm.requests.sum() for arm in arms.values()))


def _of_arm(plan: ExperimentPlan, name: str, arm: ArmData, effective: float) -> Iterator[Shortage]:
    minima = plan.minima
    assert arm.priced_requests is not None
    priced, requests = float(arm.priced_requests.sum()), float(arm.requests.sum())
    seen = int((arm.requests > 0).sum())
    if seen < minima.units:
        yield Shortage("too_few_units", seen, minima.units, name)
    elif priced < LEAST_SHARE_PRICED * requests:
        yield Shortage("costs_unknown", priced / requests, LEAST_SHARE_PRICED, name)
    elif effective < minima.effective_units:
        yield Shortage("too_few_effective_units", effective, minima.effective_units, name)
