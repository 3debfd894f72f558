"""Whether what a process holds grows: a straight line through the time after the warm-up, and how sure it is."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from faults.soak.sampling import UNDER_WAY, Sample

# Neighboring samples resemble each other; what is told of a twentieth of the time hardly does.
BLOCKS = 20
MEMORY = "memory"
MOST_MEMORY_DRIFT = 0.02
# Of files, sockets, threads and connections, over the whole time.
MOST_GROWTH = 2.0
_SURE = 0.975


class TooFewSamples(Exception):
    """There is nothing to draw a line through; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure of one process. ``growth`` is over the whole time measured, ``low`` and ``high`` its 95 % interval."""

    process: str
    figure: str
    level: float
    growth: float
    low: float
    high: float

    @property
    def problem(self) -> str | None:
        """Say what grows; None where nothing surely does, or less than is allowed."""
        if self.figure == UNDER_WAY:
            # The load's, and no process's: it says whether the machine kept up.
            return None
        most = MOST_MEMORY_DRIFT * self.level if self.figure == MEMORY else MOST_GROWTH
        if self.growth <= most or self.low <= 0:
            return None
        share = f" ({100 * self.growth / self.level:.1f} %)" if self.figure == MEMORY else ""
        return (
            f"{self.figure} of {self.process}: grew by {self.growth:.1f}{share}, at most {most:.1f} is allowed; "
            f"95 % interval {self.low:.1f} to {self.high:.1f}"
        )


def trends(samples: Sequence[Sample], *, warm_up_seconds: float) -> Iterator[Trend]:
    """Yield the trend of every figure of every process, by process; raises TooFewSamples."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for sample in samples:
        if sample.at >= warm_up_seconds:
            for figure, value in sample.figures.items():
                points.setdefault((sample.process, figure), []).append((sample.at, value))
    for (process, figure), of_figure in sorted(points.items()):
        yield trend(process, figure, of_figure)


def trend(process: str, figure: str, points: Sequence[tuple[float, float]]) -> Trend:
    """Draw a line of least squares through 20 blocks of time.

    Of memory and of requests the mean of each block counts. Of what else is counted it is the least: how many files are
    open goes up and down with the requests that are under way, and what leaks is still there when these have ended. The
    interval is that of the slope under Student's t distribution (Draper and Smith 1998, section 1.4).

    Raises:
        TooFewSamples: Fewer than four blocks have samples.
    """
    blocks = list(_blocks(points, _mean if figure in (MEMORY, UNDER_WAY) else min))
    if len(blocks) < 4:
        raise TooFewSamples(
            f"{len(points)} samples of {figure} of {process} after the warm-up are too few: let it run for longer."
        )
    at, values = zip(*blocks, strict=True)
    mean_at, mean = _mean(at), _mean(values)
    spread = sum((x - mean_at) ** 2 for x in at)
    slope = sum((x - mean_at) * (y - mean) for x, y in blocks) / spread
    left = sum((y - mean - slope * (x - mean_at)) ** 2 for x, y in blocks)
    span = points[-1][0] - points[0][0]
    reach = _student(len(blocks) - 2) * math.sqrt(left / (len(blocks) - 2) / spread) * span
    growth = slope * span
    return Trend(process, figure, mean, growth, growth - reach, growth + reach)


def _blocks(
    points: Sequence[tuple[float, float]], told: Callable[[Sequence[float]], float]
) -> Iterator[tuple[float, float]]:
    begin, end = points[0][0], points[-1][0]
    length = (end - begin) / BLOCKS or 1.0
    found: dict[int, list[tuple[float, float]]] = {}
    for at, value in points:
        found.setdefault(min(BLOCKS - 1, int((at - begin) / length)), []).append((at, value))
    for block in found.values():
        yield _mean([at for at, _ in block]), told([value for _, value in block])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _student(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, _SURE))
