"""What is still missing before anything may be decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from experiments.domain import metrics
from experiments.domain.metrics import Metric
from experiments.domain.plan import ExperimentPlan
from experiments.domain.units import ArmData, effective_number

ReasonCode = Literal["too_few_requests", "too_few_units", "too_few_effective_units", "too_early"]


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
    """Return the minima that do not hold; those of units, and of ``effective`` units by arm, hold at any size."""
    minima = plan.minima
    requests = total_requests(arms)
    found: list[Shortage] = []
    is_planned_size = plan.sample_size is not None and requests >= plan.sample_size
    if not is_planned_size and requests < minima.requests:
        found.append(Shortage("too_few_requests", requests, minima.requests))
    for name, arm in arms.items():
        seen = int((arm.requests > 0).sum())
        if seen < minima.units:
            found.append(Shortage("too_few_units", seen, minima.units, name))
        elif effective[name] < minima.effective_units:
            found.append(Shortage("too_few_effective_units", effective[name], minima.effective_units, name))
    hours = running_for / timedelta(hours=1)
    if not is_planned_size and hours < minima.hours:
        found.append(Shortage("too_early", hours, minima.hours))
    return tuple(found)


def total_requests(arms: Mapping[str, ArmData]) -> float:
    """Return the requests of all arms."""
    return float(sum(arm.requests.sum() for arm in arms.values()))
