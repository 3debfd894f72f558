"""Recurring types of finding, and what teams make of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from insights.domain import pattern_learning
from insights.domain.answers import Answer
from insights.domain.pattern_learning import Kind, Raised

NOW = datetime(2026, 3, 9, tzinfo=UTC)


def raised(
    accepted: int = 0, rejected: int = 0, ignored: int = 0, unanswered: int = 0, days: float = 1
) -> list[Raised]:
    """Return findings raised so many days ago."""
    answers = [Answer.ACCEPTED] * accepted + [Answer.REJECTED] * rejected + [Answer.IGNORED] * ignored
    return [Raised("spend_spike", NOW - timedelta(days=days), answer) for answer in [*answers, *[None] * unanswered]]


@pytest.mark.parametrize(
    ("findings", "kind"),
    [
        (raised(rejected=8, accepted=2), Kind.ANTI_PATTERN),
        # Exactly 70 and 80 in 100 are not over it.
        (raised(rejected=7, accepted=3), Kind.RECURRING),
        (raised(accepted=8, rejected=2), Kind.RECURRING),
        (raised(accepted=9, rejected=1), Kind.BEST_PRACTICE),
        (raised(rejected=5), Kind.ANTI_PATTERN),
        (raised(rejected=4, unanswered=3), Kind.RECURRING),
        (raised(rejected=4, ignored=9), Kind.RECURRING),
        (raised(unanswered=5), Kind.RECURRING),
    ],
)
def test_answers_make_a_recurring_type_an_anti_pattern_or_a_best_practice(findings: list[Any], kind: Kind) -> None:
    (pattern,) = pattern_learning.learn(findings, NOW)
    assert (pattern.kind, pattern.occurrences) == (kind, len(findings))


@pytest.mark.parametrize(
    "findings",
    [
        raised(rejected=4),
        raised(rejected=4) + raised(rejected=3, days=90),
        # Raised after now.
        raised(rejected=4) + raised(rejected=3, days=-1),
    ],
)
def test_four_in_ninety_days_do_not_recur(findings: list[Any]) -> None:
    assert pattern_learning.learn(findings, NOW) == ()


def test_rates_are_of_those_who_said_yes_or_no() -> None:
    (pattern,) = pattern_learning.learn(raised(accepted=1, rejected=3, ignored=4, days=89) + raised(unanswered=2), NOW)
    assert (pattern.acceptance_rate, pattern.rejection_rate) == (0.25, 0.75)
    assert pattern.first_raised_at == NOW - timedelta(days=89)
    assert pattern.last_raised_at == NOW - timedelta(days=1)


def test_nobody_answered_is_no_rate() -> None:
    (pattern,) = pattern_learning.learn(raised(unanswered=5), NOW)
    assert (pattern.acceptance_rate, pattern.rejection_rate) == (None, None)
