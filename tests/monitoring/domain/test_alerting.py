from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.domain.alert_message import body, title
from monitoring.domain.alerting import Comparison, Condition, Reading, Severity, State, Step, step
from monitoring.domain.backoff import MAX_ATTEMPTS, wait_after

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HELD = Condition(Comparison.ABOVE, 0.05, 10, timedelta(seconds=300))


@pytest.mark.parametrize(
    ("comparison", "value", "is_met"),
    [
        (Comparison.ABOVE, 0.8, False),
        (Comparison.ABOVE, 0.81, True),
        (Comparison.AT_LEAST, 0.8, True),
        (Comparison.AT_LEAST, 0.79, False),
        (Comparison.BELOW, 0.8, False),
        (Comparison.BELOW, 0.79, True),
    ],
)
def test_a_value_is_held_against_the_threshold(comparison: Comparison, value: float, is_met: bool) -> None:
    assert Condition(comparison, 0.8, 1, timedelta()).is_met(Reading(value)) is is_met


@pytest.mark.parametrize("reading", [None, Reading(None, 100), Reading(0.9, 9)])
def test_nothing_is_concluded_of_too_little(reading: Reading | None) -> None:
    assert not HELD.is_met(reading)


@pytest.mark.parametrize(
    ("is_met", "state", "seconds", "expected"),
    [
        (False, None, None, Step.NOTHING),
        (True, None, None, Step.OPEN),
        (True, State.PENDING, 299, Step.KEEP),
        (True, State.PENDING, 300, Step.FIRE),
        (False, State.PENDING, 299, Step.DROP),
        (True, State.FIRING, 9000, Step.KEEP),
        (False, State.FIRING, 9000, Step.RESOLVE),
    ],
)
def test_an_alert_fires_once_its_condition_has_held(
    is_met: bool, state: State | None, seconds: int | None, expected: Step
) -> None:
    since = None if seconds is None else NOW - timedelta(seconds=seconds)

    assert step(HELD, is_met=is_met, state=state, since=since, now=NOW) is expected


def test_a_rule_without_a_duration_fires_at_once() -> None:
    at_once = Condition(Comparison.BELOW, 1, 1, timedelta())

    assert step(at_once, is_met=True, state=None, since=None, now=NOW) is Step.FIRE


@given(st.integers(min_value=1, max_value=MAX_ATTEMPTS - 1))
def test_waits_between_attempts_double_up_to_half_an_hour(attempts: int) -> None:
    assert wait_after(attempts) == min(timedelta(seconds=30 * 2 ** (attempts - 1)), timedelta(minutes=30))


def test_after_the_last_attempt_there_is_no_wait() -> None:
    assert wait_after(MAX_ATTEMPTS) is None


def test_a_message_says_what_how_bad_and_how_much() -> None:
    assert title("firing", Severity.CRITICAL, "Ratings wait", "") == "[critical] Ratings wait"
    assert title("resolved", Severity.CRITICAL, "Memory", "machine a") == "[resolved] Memory (machine a)"
    assert body("1001 wait.", value=1001, threshold=1000) == "1001 wait.\nMeasured 1001, the threshold is 1000."
    assert body("A notice.", value=None, threshold=None) == "A notice."
