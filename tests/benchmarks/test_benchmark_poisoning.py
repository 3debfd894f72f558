"""A small, seeded part of ``python -m benchmarks.poisoning``, and how its shares are told."""

from collections import Counter
from functools import cache

import pytest

from benchmarks.poisoning import __main__ as command
from benchmarks.poisoning.cells import ATTACKS, HONEST

RUNS = 3


@cache
def counted(name: str) -> Counter[str]:
    return command.some(name, 1, 0, RUNS)


@pytest.mark.parametrize("name", [cell.name for cell in ATTACKS])
def test_no_attack_moves_the_pattern(name: str) -> None:
    assert (counted(name)["runs"], counted(name)["is_wrong"]) == (RUNS, 0)


@pytest.mark.parametrize("name", ["33 % run the good model down", "33 % burst on the last day, honest before"])
def test_what_limits_and_means_would_let_through_raises_an_alert(name: str) -> None:
    assert counted(name)["is_frozen"] == RUNS


def test_a_flood_is_told_and_honest_zeal_is_none() -> None:
    assert counted("one person with 10,000 votes")["is_flooded"] == RUNS
    assert [counted(cell.name)["is_flooded"] for cell in HONEST] == [0] * len(HONEST)


def test_one_person_would_move_plain_means() -> None:
    assert counted("one person with 10,000 votes")["is_naively_wrong"] == RUNS


@pytest.mark.parametrize("name", [cell.name for cell in HONEST])
def test_honest_people_are_heard(name: str) -> None:
    assert (counted(name)["is_wrong"], counted(name)["has_arrived"]) == (0, RUNS)


def test_bound_is_that_of_clopper_and_pearson() -> None:
    # The rule of three: 1 - 0.05 ** (1 / 1000); and the textbook bound of 1 in 20.
    assert command.upper_bound(0, 1000) == pytest.approx(0.0029913, abs=1e-6)
    assert command.upper_bound(1, 20) == pytest.approx(0.2161, abs=1e-4)


def test_wrong_switches_and_deaf_ears_are_failures() -> None:
    outcomes = {cell.name: Counter(runs=100, has_arrived=100) for cell in (*ATTACKS, *HONEST)}
    outcomes[ATTACKS[0].name]["is_wrong"] = 1
    outcomes[HONEST[0].name]["has_arrived"] = 94

    assert command.failures(outcomes, 100) == [
        "one person with 10,000 votes: 1 wrong switches",
        "nothing changes: learned in 94 of 100 runs only",
    ]
