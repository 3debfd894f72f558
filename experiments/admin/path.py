"""The path of the estimate: what each kept look said about cost, as points to draw and as rows to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from experiments.admin import report, words
from experiments.models import Experiment, ExperimentSnapshot

MOST_POINTS = 150


@dataclass(frozen=True, slots=True)
class PathPoint:
    """One look: the change of cost as a share, with its interval where one was allowed."""

    at: datetime
    requests: int
    units: int
    change: float
    low: float | None
    high: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the point as the page's script takes it: the time in milliseconds, changes in percent."""
        return {
            "at": int(self.at.timestamp() * 1000),
            "requests": self.requests,
            "units": self.units,
            "change": 100 * self.change,
            "low": None if self.low is None else 100 * self.low,
            "high": None if self.high is None else 100 * self.high,
        }

    @property
    def shown_change(self) -> str:
        """The change as text."""
        return words.signed_percent(self.change)

    @property
    def shown_interval(self) -> str:
        """The interval as text."""
        return words.interval(self.low, self.high, words.signed_percent) or words.UNKNOWN


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """How a phase stood when it was last looked at."""

    phase: int
    until: datetime
    requests: int
    units: int
    change: str
    interval: str
    explanation: str


def points(experiment: Experiment) -> list[PathPoint]:
    """Return the looks of the present phase from the first to the newest, evenly thinned out to ``MOST_POINTS``."""
    kept = ExperimentSnapshot.objects.filter(experiment=experiment, phase=experiment.phase)
    ids = list(kept.order_by("id").values_list("id", flat=True))
    looks = kept.filter(id__in=_thinned(ids)).order_by("id")
    rows = [(look.taken_at, look.requests, look.units, look.analysis) for look in looks]
    analysis = experiment.last_analysis
    if analysis and experiment.analyzed_at and (not rows or rows[-1][0] < experiment.analyzed_at):
        # Most looks add nothing that was worth a snapshot; the newest is on the page all the same.
        arms = analysis["arms"].values()
        requests, units = (sum(arm[name] for arm in arms) for name in ("requests", "units"))
        rows.append((experiment.analyzed_at, requests, units, analysis))
    return [point for row in rows if (point := _point(*row)) is not None]


def earlier_phases(experiment: Experiment) -> list[PhaseRow]:
    """Return how each earlier phase stood at its end, the newest first."""
    if experiment.phase == 1:
        return []
    last: dict[int, ExperimentSnapshot] = {}
    ended = ExperimentSnapshot.objects.filter(experiment=experiment, trigger=ExperimentSnapshot.Trigger.PHASE)
    for look in ended.exclude(phase=experiment.phase).order_by("id"):
        last[look.phase] = look
    return [_phase_row(look) for look in sorted(last.values(), key=lambda look: -look.phase)]


def _phase_row(look: ExperimentSnapshot) -> PhaseRow:
    change, interval = report.effect(look.analysis)
    why = look.analysis["decision"]["explanation"]
    return PhaseRow(look.phase, look.taken_at, look.requests, look.units, change or words.UNKNOWN, interval, why)


def _thinned(ids: Sequence[int]) -> list[int]:
    if len(ids) <= MOST_POINTS:
        return list(ids)
    step = (len(ids) - 1) / (MOST_POINTS - 1)
    return [ids[round(step * number)] for number in range(MOST_POINTS)]


def _point(at: datetime, requests: int, units: int, analysis: Mapping[str, Any]) -> PathPoint | None:
    found = report.primary(analysis)
    if found is None or found["relative_change"] is None:
        return None
    return PathPoint(at, requests, units, found["relative_change"], found["ci_low"], found["ci_high"])
