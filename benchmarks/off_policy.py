"""Holds the off-policy estimators against worlds in which the truth is known.

    python -m benchmarks.off_policy [--logs 1000] [--seed 1] [--users 15 50 150 500]

For each share of exploration and number of users, so many logs are written by the active policy and a target scored on
them. ``bias`` is the mean error of the difference in reward between the two policies and its simulation error,
``coverage`` the share of nominal 95 % intervals that hold the truth, ``width`` their mean width, ``speaks`` the share
of logs on which the product would believe the result; ``… when it speaks`` counts those only. Nothing is drawn from a
clock: the same seed prints the same table.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from benchmarks import off_policy_world
from benchmarks.off_policy_world import Exploration
from learning.domain.cluster_jackknife import Estimate
from learning.domain.off_policy import DR, IPS, SNIPS, Comparison

EXPLORATIONS = (
    Exploration("wide (30 % + 10 %)", 0.30, 0.10),
    Exploration("usual (8 % + 4 %)", 0.08, 0.04),
    Exploration("thin (3 % + 1 %)", 0.03, 0.01),
    Exploration("none", 0.0, 0.0),
)
HEADINGS = (
    "exploration",
    "users",
    "estimator",
    "bias ± error",
    "coverage",
    "width",
    "speaks",
    "coverage when it speaks",
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One log: what was estimated of the difference, what is true, and whether the product would have believed it."""

    estimate: Estimate | None
    truth: float
    is_reliable: bool

    @property
    def error(self) -> float:
        return float("nan") if self.estimate is None else self.estimate.value - self.truth

    @property
    def width(self) -> float:
        if self.estimate is None or self.estimate.low is None or self.estimate.high is None:
            return float("nan")
        return self.estimate.high - self.estimate.low

    @property
    def covers(self) -> bool:
        if self.estimate is None or self.estimate.low is None or self.estimate.high is None:
            return False
        return self.estimate.low <= self.truth <= self.estimate.high


def trials(
    exploration: Exploration, users: int, *, logs: int, seed: int, outcome: str = "quality"
) -> dict[str, list[Trial]]:
    """Return the trials of each estimator, clipped and not, over so many worlds and logs."""
    found: dict[str, list[Trial]] = {}
    for number in range(logs):
        # The world of a number is the same however many users ask in it.
        world = off_policy_world.world(exploration, np.random.default_rng((seed, number)))
        truth = world.true_difference if outcome == "quality" else world.true_cost_difference
        for is_clipped in (True, False):
            rng = np.random.default_rng((seed, number, users))
            compared = off_policy_world.compare(world, users, rng, is_clipped=is_clipped)
            for name, estimate in compared.scores[outcome].difference.items():
                label = name if is_clipped else f"{name}, not clipped"
                found.setdefault(label, []).append(Trial(estimate, truth, compared.is_reliable))
    return found


def refusal(seed: int) -> Comparison:
    """Score a target on the log of a policy that never explores."""
    world = off_policy_world.world(EXPLORATIONS[-1], np.random.default_rng((seed, 0)))
    return off_policy_world.compare(world, 500, np.random.default_rng((seed, 0, 500)))


def row(exploration: str, users: int, estimator: str, seen: Sequence[Trial]) -> tuple[str, ...]:
    """Return a line of the table."""
    errors = np.array([trial.error for trial in seen])
    believed = [trial for trial in seen if trial.is_reliable]
    return (
        exploration,
        str(users),
        estimator,
        f"{np.nanmean(errors):+.4f} ± {np.nanstd(errors) / sqrt(len(errors)):.4f}",
        f"{_share(seen):.1%}",
        f"{np.nanmean([trial.width for trial in seen]):.3f}",
        f"{len(believed) / len(seen):.0%}",
        f"{_share(believed):.1%}" if believed else "-",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and the refusal."""
    parser = argparse.ArgumentParser(prog="benchmarks.off_policy", description=__doc__.split("\n")[0])
    parser.add_argument("--logs", type=int, default=1000, help="logs for each line (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, nargs="+", default=[15, 50, 150, 500])
    asked = parser.parse_args(arguments)
    print(f"Difference in reward, {asked.logs} logs a line, seed {asked.seed}.\n")
    print("| " + " | ".join(HEADINGS) + " |")
    print("|" + "---|" * len(HEADINGS))
    for exploration in EXPLORATIONS[:-1]:
        for users in asked.users:
            for estimator, seen in trials(exploration, users, logs=asked.logs, seed=asked.seed).items():
                if not estimator.startswith(IPS):
                    print("| " + " | ".join(row(exploration.name, users, estimator, seen)) + " |", flush=True)
    refused = refusal(asked.seed)
    print(f"\nWithout exploration the product speaks: {refused.is_reliable}. {refused.reason}")


def _share(seen: Sequence[Trial]) -> float:
    return sum(trial.covers for trial in seen) / len(seen)


__all__ = ["DR", "SNIPS", "main", "refusal", "row", "trials"]

if __name__ == "__main__":
    main()
