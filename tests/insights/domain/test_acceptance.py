"""Acceptance by category and severity, and by type."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights.domain import acceptance
from insights.domain.answers import Answer
from insights.domain.finding import Category, Severity
from tests.insights.domain.windows import answered

YES, NO, IGNORED = Answer.ACCEPTED, Answer.REJECTED, Answer.IGNORED


def test_few_answers_are_drawn_towards_those_they_are_part_of() -> None:
    cost_high = answered(YES, 2)
    cost_low = answered(YES, 4, severity=Severity.LOW)
    quality = answered(NO, 2, category=Category.QUALITY, finding_type="feedback_gap")
    learned = acceptance.learn([*cost_high, *cost_low, *quality])
    # (6 + 5 x 0.5) / (8 + 5).
    assert learned.overall.rate == pytest.approx(8.5 / 13)
    # (6 + 5 x 8.5 / 13) / (6 + 5).
    assert learned.by_category[Category.COST].rate == pytest.approx(0.842657, abs=1e-6)
    # (2 + 5 x 0.842657) / (2 + 5).
    assert learned.of(Category.COST, Severity.HIGH) == pytest.approx(0.887612, abs=1e-6)
    # (0 + 5 x 8.5 / 13) / (2 + 5).
    assert learned.preference("feedback_gap") == pytest.approx(0.467033, abs=1e-6)


def test_a_cell_without_answers_has_the_rate_of_its_category_or_of_all() -> None:
    learned = acceptance.learn(answered(YES, 4))
    assert learned.of(Category.COST, Severity.LOW) == learned.by_category[Category.COST].rate
    assert learned.of(Category.CACHING, Severity.LOW) == learned.overall.rate
    assert learned.preference("feedback_gap") is None


def test_ignored_suggestions_are_counted_and_say_nothing() -> None:
    learned = acceptance.learn(answered(IGNORED, 3))
    assert (learned.overall.ignored, learned.overall.decided) == (3, 0)
    assert learned.of(Category.COST, Severity.HIGH) is None
    assert learned.preference("overpowered_model") is None


ANSWERS = st.lists(
    st.tuples(st.sampled_from(Answer), st.sampled_from(Category), st.sampled_from(Severity)), max_size=30
)


@settings(max_examples=30)
@given(ANSWERS, st.integers())
def test_rates_lie_between_never_and_always_in_any_order(drawn: list[Any], seed: int) -> None:
    answers = [each for said, cat, sev in drawn for each in answered(said, category=cat, severity=sev)]
    learned = acceptance.learn(answers)
    shuffled = random.Random(seed).sample(answers, len(answers))
    assert acceptance.learn(shuffled) == learned
    rates = [learned.overall, *learned.by_category.values(), *learned.by_cell.values(), *learned.by_type.values()]
    assert all(0 < rate.rate < 1 for rate in rates)


@settings(max_examples=30)
@given(ANSWERS)
def test_one_more_acceptance_never_lowers_its_rate(drawn: list[Any]) -> None:
    answers = [each for said, cat, sev in drawn for each in answered(said, category=cat, severity=sev)]
    before = acceptance.learn(answers).of(Category.COST, Severity.HIGH)
    after = acceptance.learn([*answers, *answered(YES)]).of(Category.COST, Severity.HIGH)
    assert after is not None
    # Without answers to that cell the rate before is that of its category, or of all.
    assert after >= (before or 0.5) - 1e-12
