"""The estimators in worlds where the truth is known: a small, seeded part of ``python -m benchmarks.off_policy``."""

import pytest

from benchmarks import off_policy
from benchmarks.off_policy import EXPLORATIONS

WIDE, USUAL, THIN, NONE = EXPLORATIONS
LOGS = 200


@pytest.fixture(scope="module")
def quality():
    return off_policy.trials(WIDE, 60, logs=LOGS, seed=3)


@pytest.fixture(scope="module")
def cost():
    return off_policy.trials(WIDE, 60, logs=LOGS, seed=3, outcome="cost")


@pytest.mark.parametrize("outcome", ["quality", "cost"])
@pytest.mark.parametrize("estimator", ["snips", "dr"])
def test_intervals_hold_the_truth_as_often_as_they_say(estimator, outcome, request) -> None:
    found = request.getfixturevalue(outcome)[estimator]

    # Of 200 intervals at 95 %, a binomial count lies within 0.95 ± 3.3 * sqrt(0.95 * 0.05 / 200) in 999 of 1000 runs.
    # The jackknife is careful rather than bold, so that up to all of them may hold.
    assert 0.899 <= sum(trial.covers for trial in found) / LOGS <= 1.0


@pytest.mark.parametrize("estimator", ["snips", "dr"])
def test_estimates_are_right_on_average(estimator, quality) -> None:
    errors = [trial.error for trial in quality[estimator]]

    mean = sum(errors) / LOGS
    spread = (sum((error - mean) ** 2 for error in errors) / LOGS) ** 0.5
    assert abs(mean) <= 3.3 * spread / LOGS**0.5


def test_with_thin_exploration_and_few_users_the_product_does_not_speak() -> None:
    found = off_policy.trials(THIN, 50, logs=20, seed=3)["dr"]

    assert [trial.is_reliable for trial in found] == [False] * 20


def test_without_exploration_the_product_does_not_speak_however_long_the_log() -> None:
    found = off_policy.refusal(seed=3)

    assert not found.is_reliable
    assert "was never tried where it would choose it" in found.reason


def test_the_command_prints_a_line_for_each_setting(capsys) -> None:
    off_policy.main(["--logs", "2", "--users", "15"])

    printed = capsys.readouterr().out
    assert printed.count("\n| wide") == 4
    assert printed.count("\n| thin") == 4
    assert "Without exploration the product speaks: False." in printed
