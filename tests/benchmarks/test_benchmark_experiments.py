from collections import Counter

import pytest

from benchmarks import experiment_cells, experiments
from benchmarks.experiment_cells import Outcome, Share
from benchmarks.experiment_traffic import Effect, World


def test_whole_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    experiments.main(["--runs", "1", "--confirm", "1"])
    printed = capsys.readouterr().out
    assert "| 15 users an arm, sigma 1.5 |" in printed
    assert "refuses to decide" in printed
    assert "| 30% cheaper, latency 50% higher |" in printed


def test_same_seed_gives_the_same_figures() -> None:
    cell = experiment_cells.Cell("users", World(50, 1.0), look_every=100)
    assert experiment_cells.run(cell, 2, 5).endings == experiment_cells.run(cell, 2, 5).endings


def test_arm_at_half_the_cost_is_found() -> None:
    cell = experiment_cells.Cell("half", World(50, 0.5, noise_sigma=0.25), Effect(cost=0.5), look_every=100)
    outcome = experiment_cells.run(cell, 2, 1)
    assert outcome.endings["group_sequential"] == Counter({"winner test": 2})
    assert outcome.naive_winners == 2


def test_wilson_interval_of_a_published_example() -> None:
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662.
    assert Share(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Share(0, 20).interval[0] == 0


def test_missed_targets_are_named_so() -> None:
    outcomes = [_outcome("winner test"), _outcome("winner test"), _outcome("winner test")]
    goals = experiments.goals(outcomes, [], outcomes, outcomes)
    assert [verdict for _, _, verdict in goals] == ["MISSED", "MISSED", "MISSED", "met"]


def test_cells_above_the_limit_are_judged_by_fresh_experiments_alone() -> None:
    first = [_outcome("winner test", 58, 1000)]
    well, badly = _outcome("winner test", 540, 10_000), _outcome("winner test", 560, 10_000)

    met = experiments.goals(first, [well], first * 2, first * 3)[0]
    missed = experiments.goals(first, [well, badly], first * 2, first * 3)[0]

    assert (met[2], missed[2]) == ("met", "MISSED")
    assert (
        met[1] == "5.4% (5.0 to 5.9) in 10,000 fresh experiments each of 1 cells above it, the worst 5.8% (4.5 to 7.4)"
    )


def test_only_what_is_above_the_limit_is_run_again() -> None:
    within, above = _outcome("winner test", 55, 1000), _outcome("winner test", 56, 1000)

    again = experiments.confirm([within, above], 1, 2, 0.0)

    assert [(outcome.runs, outcome.cell.modes) for outcome in again] == [
        (1, ("fixed",)),
        (1, ("group_sequential",)),
        (1, ("sequential",)),
    ]


def _outcome(ending: str, hits: int = 100, runs: int = 100) -> Outcome:
    cell = experiment_cells.Cell("cell", World(50, 1.0))
    return Outcome(cell, runs, {mode: Counter({ending: hits}) for mode in cell.modes}, hits)
