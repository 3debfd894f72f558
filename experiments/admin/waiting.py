"""What an experiment still waits for: the minima of any decision, and the units that each metric needs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.utils.safestring import SafeString

from experiments.admin import pictures, words
from experiments.models import Experiment, ExperimentResult
from experiments.services.plans import plan_of

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must be there before anything is decided; ``picture`` shows how much of it is."""

    label: str
    has: str
    needs: str
    is_met: bool
    picture: SafeString | str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """What one metric needs to be settled, as text."""

    label: str
    needs: str
    takes: str


def conditions(experiment: Experiment, *, now: datetime) -> list[Condition]:
    """Return the minima with what there is of each; the experiment must have been analyzed."""
    analysis = experiment.last_analysis or {}
    minima = plan_of(experiment).minima
    noun = words.UNITS[experiment.unit]
    asked = _units_with_requests(experiment)
    requests = sum(arm["requests"] for arm in analysis["arms"].values())
    is_full = experiment.sample_size is not None and requests >= experiment.sample_size
    found = []
    if not is_full:
        found.append(_condition("Requests in all", requests, minima.requests, f"{requests:,}"))
    found.append(_fewest(f"{noun.capitalize()}s in each arm", asked, minima.units))
    found.append(
        _fewest(
            f"{noun.capitalize()}s in each arm, as they weigh",
            analysis["health"]["effective_units"],
            minima.effective_units,
            meaning=f"A few heavy {noun}s tell less than many light ones: this is how many equal ones would tell as "
            "much.",
        )
    )
    if not is_full:
        ran = running_hours(experiment, now=now)
        found.append(_condition("Time", ran, minima.hours, words.hours(ran), words.hours(minima.hours)))
    return found


def needs(experiment: Experiment, *, now: datetime) -> list[Need]:
    """Return how many more units cost and each margin need, and how long that takes at the present pace."""
    analysis = experiment.last_analysis or {}
    pace = _pace(experiment, analysis, now)
    noun = words.UNITS[experiment.unit]
    effect = f"to find {100 * experiment.min_effect:g}%"
    found = [_need(f"Cost, {effect}", analysis["units_needed"], noun, pace)]
    for result in analysis["guardrails"]:
        if result["state"] in ("undecided", "failed"):
            label = f"{words.metric_words(result['metric']).label}, to keep its margin"
            found.append(_need(label, result["units_needed"], noun, pace))
    return found


def running_hours(experiment: Experiment, *, now: datetime) -> float:
    """Return how long the present phase has run, in hours."""
    return max(0.0, ((experiment.ended_at or now) - experiment.phase_started_at) / _HOUR)


def _need(label: str, units: int | None, noun: str, pace: float | None) -> Need:
    if units is None:
        return Need(label, "not known yet", "")
    if units == 0:
        return Need(label, "enough are in", "")
    takes = f"{words.hours(units / pace)} at the present pace" if pace else ""
    return Need(label, f"about {words.count(units, f'more {noun}')}", takes)


def _pace(experiment: Experiment, analysis: Mapping[str, Any], now: datetime) -> float | None:
    """Return units an hour; those that come back are counted once, so that the time is a guess."""
    ran = running_hours(experiment, now=now)
    units = sum(analysis["health"]["units"].values())
    return units / ran if ran and units else None


def _fewest(label: str, by_arm: Mapping[str, float], least: float, meaning: str = "") -> Condition:
    has = ", ".join(_of_arm(by_arm))
    return _condition(label, min(by_arm.values()), least, has, meaning=meaning)


def _of_arm(by_arm: Mapping[str, float]) -> Iterator[str]:
    for name, value in by_arm.items():
        yield f"{name} {value:,.0f}"


def _condition(
    label: str, has: float, least: float, shown: str, needed: str | None = None, *, meaning: str = ""
) -> Condition:
    share = 1.0 if least <= 0 else min(1.0, has / least)
    picture = pictures.progress(share, label=f"{label}: {shown}")
    return Condition(label, shown, needed or f"{least:,g}", has >= least, picture, meaning)


def _units_with_requests(experiment: Experiment) -> dict[str, int]:
    rows = ExperimentResult.objects.filter(experiment=experiment, phase=experiment.phase).order_by()
    found = dict(rows.values_list("arm").annotate(Count("unit", distinct=True)))
    return {arm["name"]: found.get(arm["name"], 0) for arm in experiment.arms}
