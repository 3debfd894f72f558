"""What a training and a forecast take, on made-up prompts, so that no data is needed to measure it.

The prompts have 20 tasks and words that are as unevenly frequent as those of a language. Models differ in skill, tasks
in how hard they are, and long prompts are harder, so that there is something to learn.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.routing import product
from benchmarks.routing.pools import DOLLARS, Pool
from benchmarks.routing.product import BoolArray, Read

PROMPTS, MODELS = 20_000, 10
ALL, ONE = "of all models", "of one model each"
_TASKS, _VOCABULARY, _ASKED = 20, 20_000, 2_000
_SHORTEST, _LONGEST = 10, 200
# In kibibytes on Linux, in bytes on macOS.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FitTime:
    """One training in seconds of processor time, the peak of the process's memory, and single forecasts after it."""

    outcomes: str
    prompts: int
    models: int
    seconds: float
    peak_mib: float
    median_ms: float
    p99_ms: float


def measure(prompts: int, *, seed: int, say: Callable[[str], None], models: int = MODELS) -> Iterator[FitTime]:
    """Train on the outcomes of all models on each prompt, then on those of one model each."""
    say(f"reading {prompts:,} made-up prompts")
    read = product.read(_pool(prompts, models, seed))
    served = np.random.default_rng(seed).integers(0, models, prompts)
    for outcomes, observed in (
        (ALL, np.ones((prompts, models), dtype=bool)),
        (ONE, np.arange(models) == served[:, np.newaxis]),
    ):
        say(f"training on outcomes {outcomes}")
        yield _measured(read, outcomes, observed, seed)


def table(measured: Sequence[FitTime]) -> str:
    """Return the figures as a table in Markdown."""
    lines = [
        "| prompts | models | outcomes | training, s | peak memory, MiB | forecast, median ms | 99th percentile, ms |",
        "| ---: | ---: | --- | ---: | ---: | ---: | ---: |",
        *(
            f"| {each.prompts:,} | {each.models} | {each.outcomes} | {each.seconds:.1f} | {each.peak_mib:.0f} "
            f"| {each.median_ms:.2f} | {each.p99_ms:.2f} |"
            for each in measured
        ),
    ]
    return "\n".join(lines)


def _measured(read: Read, outcomes: str, observed: BoolArray, seed: int) -> FitTime:
    prompts, models = observed.shape
    began = time.process_time()
    known = product.train(read, np.arange(prompts), observed, seed)
    seconds = time.process_time() - began
    taken = []
    for row in range(min(_ASKED, prompts)):
        pattern = read.patterns[row]
        began = time.thread_time()
        known.forecast(read.vectors[row], text=read.pool.texts[row], task=read.pool.tasks[row], pattern=pattern)
        taken.append(1_000 * (time.thread_time() - began))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / _MIB
    median, p99 = np.quantile(taken, (0.5, 0.99)).tolist()
    return FitTime(outcomes, prompts, models, seconds, peak, median, p99)


def _pool(prompts: int, models: int, seed: int) -> Pool:
    rng = np.random.default_rng(seed)
    words = np.array([f"w{number:x}" for number in rng.permutation(_VOCABULARY)])
    frequency = 1.0 / np.arange(1, _VOCABULARY + 1)
    frequency /= frequency.sum()
    lengths = rng.integers(_SHORTEST, _LONGEST, prompts)
    tasks = rng.integers(0, _TASKS, prompts)
    hardness = rng.random(_TASKS)[tasks] + lengths / _LONGEST
    chances = 1.0 / (1.0 + np.exp(2.0 * hardness[:, np.newaxis] - np.linspace(1.0, 4.0, models)))
    return Pool(
        name="made up",
        texts=tuple(" ".join(words[rng.choice(_VOCABULARY, length, p=frequency)]) for length in lengths),
        tasks=tuple(f"task {number}" for number in tasks),
        model_names=tuple(f"model {number}" for number in range(models)),
        quality=(rng.random(chances.shape) < chances).astype(np.float64),
        cost=np.tile(np.geomspace(0.0001, 0.01, models), (prompts, 1)),
        cost_unit=DOLLARS,
        groups=np.arange(prompts),
    )
