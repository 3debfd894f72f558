"""Calibration of the detectors' confidence, and the threshold that follows from it."""

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from insights.domain import calibration, threshold_tuning
from insights.domain.answers import Answer, Answered
from tests.insights.domain.windows import answered

YES, NO, IGNORED = Answer.ACCEPTED, Answer.REJECTED, Answer.IGNORED


def test_error_and_brier_score_of_one_bin() -> None:
    measured = calibration.measure([*answered(YES, 3), *answered(NO), *answered(IGNORED, 9)])
    assert measured.samples == 4
    # 0.95 claimed, 3 of 4 accepted.
    assert measured.expected_error == pytest.approx(0.20)
    # (3 x 0.05^2 + 0.95^2) / 4.
    assert measured.brier_score == pytest.approx(0.2275)
    # (3 + 10 x 0.95) / (4 + 10) at the bin's center.
    assert measured.calibrated(0.95) == pytest.approx(12.5 / 14)


def test_error_weighs_bins_by_their_answers() -> None:
    low = [*answered(YES, 1, confidence=0.25), *answered(NO, 2, confidence=0.25)]
    measured = calibration.measure([*low, *answered(NO, 1, confidence=1.0)])
    # (3 x |0.25 - 1/3| + 1 x |1 - 0|) / 4.
    assert measured.expected_error == pytest.approx(0.3125)
    assert [each.count for each in measured.bins] == [0, 0, 3, 0, 0, 0, 0, 0, 0, 1]


def test_bins_that_contradict_the_order_are_pooled() -> None:
    measured = calibration.measure(answered(NO, 10))
    # The last bin is (0 + 9.5) / 20 = 0.475 with weight 20; with 0.85, 0.75 and 0.65 of weight 10 each it makes
    # (9.5 + 8.5 + 7.5 + 6.5) / 50 = 0.64, above the 0.55 before them.
    assert measured.curve[6:11] == pytest.approx((0.55, 0.64, 0.64, 0.64, 0.64))
    assert measured.calibrated(0.8) == pytest.approx(0.64)


@settings(max_examples=30)
@given(st.floats(0, 1))
def test_without_answers_confidence_is_left_alone(confidence: float) -> None:
    measured = calibration.measure([])
    assert (measured.expected_error, measured.brier_score) == (None, None)
    assert measured.calibrated(confidence) == pytest.approx(confidence)


ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60)


def said(drawn: list[Any]) -> list[Answered]:
    return [each for c, yes in drawn for each in answered(YES if yes else NO, confidence=c)]


@settings(max_examples=30)
@given(ANSWERS, st.integers())
def test_calibration_is_bounded_and_keeps_the_order(drawn: list[Any], seed: int) -> None:
    answers = said(drawn)
    measured = calibration.measure(answers)
    assert calibration.measure(random.Random(seed).sample(answers, len(answers))) == measured
    curve = [measured.calibrated(each / 50) for each in range(51)]
    assert curve[0] >= 0
    assert curve[-1] <= 1
    assert all(lower <= higher + 1e-12 for lower, higher in pairwise(curve))
    assert sum(each.count for each in measured.bins) == measured.samples == len(answers)
    assert 0 <= (measured.expected_error or 0) <= 1
    assert 0 <= (measured.brier_score or 0) <= 1


@settings(max_examples=30)
@given(ANSWERS)
def test_pooling_agrees_with_scipy(drawn: list[Any]) -> None:
    measured = calibration.measure(said(drawn))
    counts = np.array([each.count for each in measured.bins])
    accepted = np.array([(each.accepted_share or 0) * each.count for each in measured.bins])
    centers = np.arange(10) / 10 + 0.05
    fitted = isotonic_regression((accepted + 10 * centers) / (counts + 10), weights=counts + 10.0)
    assert measured.curve[1:-1] == pytest.approx(tuple(fitted.x))


@pytest.mark.parametrize(
    ("answers", "present", "threshold", "wanted"),
    [
        # One short of fifty.
        (answered(YES, 49), 0.8, 0.8, None),
        (answered(YES, 50), 0.8, 0.75, 0.7),
        (answered(NO, 50), 0.8, 0.85, 0.99),
        (answered(NO, 50), 0.97, 0.99, 0.99),
        (answered(YES, 50), 0.72, 0.7, 0.7),
        # Only from 0.73 on the thirty rejected ones are left out.
        (answered(NO, 30, confidence=0.72) + answered(YES, 30, confidence=0.88), 0.8, 0.75, 0.73),
        (answered(NO, 30, confidence=0.72) + answered(YES, 30, confidence=0.88), 0.71, 0.73, 0.73),
        # 35 of 50 are exactly 70 %.
        (answered(NO, 15) + answered(YES, 35), 0.7, 0.7, 0.7),
        # Nine above are too few to say anything.
        (answered(NO, 50, confidence=0.8) + answered(YES, 9), 0.9, 0.95, 0.99),
        (answered(IGNORED, 500), 0.8, 0.8, None),
        (answered(YES, 9), 0.2, 0.7, None),
    ],
)
def test_threshold_moves_by_a_step_towards_what_is_accepted(
    answers: list[Any], present: float, threshold: float, wanted: float | None
) -> None:
    tuned = threshold_tuning.tune(answers, present)
    assert (tuned.threshold, tuned.wanted) == (threshold, wanted)
    assert tuned.reason


@settings(max_examples=30)
@given(ANSWERS, st.floats(0.7, 0.99))
def test_threshold_stays_within_its_bounds_and_steps(drawn: list[Any], present: float) -> None:
    tuned = threshold_tuning.tune(said(drawn), present)
    assert 0.7 <= tuned.threshold <= 0.99
    # Half a hundredth more where the present one is no whole hundredth.
    assert abs(tuned.threshold - present) <= 0.05 + 0.0051
