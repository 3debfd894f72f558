"""The cells of the tables: an experiment is run many times over, and what it decides is counted."""

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from scipy import special

from benchmarks.experiment_traffic import (
    ARMS,
    NO_EFFECT,
    REQUESTS_PER_ARM,
    REQUESTS_PER_LOOK,
    Effect,
    Requests,
    World,
    looks,
    simulate,
)
from experiments.domain.analysis import analyze
from experiments.domain.plan import Denominator, ExperimentPlan, Mode
from experiments.domain.units import ArmData

MODES: tuple[Mode, ...] = ("fixed", "group_sequential", "sequential")
# Past the minimum of hours, so that only data hold an experiment back.
_LONG_ENOUGH = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the runs; with the interval of Wilson (1927) at 95 %."""

    hits: int
    runs: int

    @property
    def value(self) -> float:
        return self.hits / self.runs

    @property
    def interval(self) -> tuple[float, float]:
        z = float(special.ndtri(0.975))
        middle = (self.value + z * z / (2 * self.runs)) / (1 + z * z / self.runs)
        spread = self.value * (1 - self.value) / self.runs + z * z / (4 * self.runs**2)
        reach = z * math.sqrt(spread) / (1 + z * z / self.runs)
        return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True, slots=True)
class Cell:
    """One experiment to run many times under each of ``modes``."""

    name: str
    world: World
    effect: Effect = NO_EFFECT
    modes: tuple[Mode, ...] = MODES
    denominator: Denominator = "reference_cost"
    # In requests of each arm.
    look_every: int = REQUESTS_PER_LOOK


@dataclass(frozen=True, slots=True)
class Outcome:
    """How often each mode ended in which way, and how often the naive rule named a winner."""

    cell: Cell
    runs: int
    endings: Mapping[Mode, Counter[str]]
    naive_winners: int

    def share(self, mode: Mode, *endings: str) -> Share:
        """Return the share of runs that ended in one of ``endings``."""
        return Share(sum(self.endings[mode][ending] for ending in endings), self.runs)

    @property
    def naive(self) -> Share:
        return Share(self.naive_winners, self.runs)


def run(cell: Cell, runs: int, seed: int) -> Outcome:
    """Run the cell; the same seed gives the same figures, whichever other cells run."""
    # From the name, so that cells are independent of each other and of their order.
    start = zlib.crc32(cell.name.encode())
    endings: dict[Mode, Counter[str]] = {mode: Counter() for mode in cell.modes}
    naive = 0
    for number in range(runs):
        traffic = simulate(cell.world, cell.effect, np.random.default_rng([seed, start, number]))
        data = list(looks(traffic, cell.look_every))
        for mode in cell.modes:
            endings[mode][_ending(_plan(cell, mode), data)] += 1
        naive += names_winner_naively(traffic)
    return Outcome(cell, runs, endings, naive)


def names_winner_naively(traffic: Mapping[str, Requests]) -> bool:
    """Say whether Student's t test of the single requests has p < .05 at any look."""
    counts = np.arange(REQUESTS_PER_LOOK, REQUESTS_PER_ARM + 1, REQUESTS_PER_LOOK)
    sums = [np.cumsum(traffic[arm].cost)[counts - 1] for arm in ARMS]
    squares = [np.cumsum(traffic[arm].cost ** 2)[counts - 1] for arm in ARMS]
    within = sum(square - total**2 / counts for square, total in zip(squares, sums, strict=True))
    error = np.sqrt(within / (2 * counts - 2) * 2 / counts)
    p_values = 2 * special.stdtr(2 * counts - 2, -np.abs(sums[1] - sums[0]) / counts / error)
    return bool((p_values < 0.05).any())


def _plan(cell: Cell, mode: Mode) -> ExperimentPlan:
    return ExperimentPlan(
        control=ARMS[0],
        weights=dict.fromkeys(ARMS, 0.5),
        sample_size=None if mode == "sequential" else 2 * REQUESTS_PER_ARM,
        mode=mode,
        denominator=cell.denominator,
    )


def _ending(plan: ExperimentPlan, data: Sequence[Mapping[str, ArmData]]) -> str:
    """Look until something is decided, as the product does."""
    state = None
    status = ""
    # A fixed experiment has a single look.
    due: Iterable[Mapping[str, ArmData]] = data[-1:] if plan.effective_mode == "fixed" else data
    for arms in due:
        analysis = analyze(plan, arms, running_for=_LONG_ENOUGH, state=state)
        state, status = analysis.history, analysis.decision.status
        if analysis.decision.winner is not None:
            return f"{status} {analysis.decision.winner}"
        if status in ("srm_detected", "guardrail_failed", "no_difference"):
            return status
    return status
