"""The order of suggestions."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights.domain import acceptance, calibration, learning_paths, ranking, similarity
from insights.domain.answers import Answer
from insights.domain.finding import Category, Severity
from insights.domain.pattern_learning import Kind, Pattern
from insights.domain.ranking import Suggested, Taste
from insights.domain.review import review
from tests.insights.domain.windows import CHEAP, DEAR, OFFERED, USD, answered, rated, traffic, window

NOW = datetime(2026, 3, 9, tzinfo=UTC)


def suggested(mark: str = "a", **parts: Any) -> Suggested:
    """Return a suggestion that resembles no other."""
    usual: dict[str, Any] = {
        "finding_type": "overpowered_model",
        "category": Category.COST,
        "severity": Severity.HIGH,
        "confidence": 0.9,
        "monthly_savings_nano_usd": None,
        "fix_minutes": 60.0,
        "facts": frozenset({mark}),
    }
    return Suggested(mark, **{**usual, **parts})


def test_score_is_the_weighted_sum_with_a_half_for_what_is_missing() -> None:
    (ranked,) = ranking.rank([suggested()])
    # 0.30 x 0.9 + 0.25 x 0.5 + 0.25 x 0.75 (high, no money) + 0.10 / (1 + 60 / 60) + 0.10 x 0.5.
    assert ranked.score == pytest.approx(0.6825)
    assert {factor.name for factor in ranked.factors if factor.is_missing} == {"acceptance", "preference"}


def test_nothing_known_is_a_half_in_everything_but_severity() -> None:
    (ranked,) = ranking.rank([suggested(confidence=None, fix_minutes=None, severity=Severity.MEDIUM)])
    assert ranked.score == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("monthly_savings", "impact"),
    # The logarithm of dollars to the base of ten thousand.
    [(0, 0.0), (USD, 0.0), (10 * USD, 0.25), (100 * USD, 0.5), (10_000 * USD, 1.0), (10**6 * USD, 1.0)],
)
def test_ten_times_the_money_is_one_step_of_impact(monthly_savings: int, impact: float) -> None:
    (ranked,) = ranking.rank([suggested(monthly_savings_nano_usd=monthly_savings)])
    assert {factor.name: factor.value for factor in ranked.factors}["impact"] == pytest.approx(impact)


def test_each_further_one_of_a_type_counts_less() -> None:
    ranked = ranking.rank([suggested("a"), suggested("b"), suggested("c"), suggested("d", finding_type="spend_spike")])
    assert [each.suggested.fingerprint for each in ranked] == ["a", "d", "b", "c"]
    assert [each.diversity for each in ranked] == pytest.approx([1.0, 1.0, 0.7, 0.49])
    assert [each.place for each in ranked] == [1, 2, 3, 4]
    assert ranked[3].explanation[-1] == "moved down to 0.49 of its score: others of its type stand above it"


def test_one_fingerprint_is_shown_once_with_its_higher_score() -> None:
    (ranked,) = ranking.rank([suggested(confidence=0.2), suggested(confidence=0.8)])
    assert ranked.suggested.confidence == 0.8


def test_what_asks_for_the_same_is_shown_once() -> None:
    # Seven of ten facts are shared between a and b, six of ten between a and c.
    a = suggested("a", facts=frozenset("1234567890"))
    b = suggested("b", facts=frozenset("1234567"), confidence=0.5)
    c = suggested("c", facts=frozenset("123456"), confidence=0.4, finding_type="dominated_model")
    first, second = ranking.rank([c, b, a])
    assert (first.suggested, first.stands_for) == (a, ("b",))
    assert first.explanation[-1] == "stands for 1 more that ask for the same"
    assert second.suggested == c


def test_answers_and_calibration_move_suggestions() -> None:
    said = [*answered(Answer.REJECTED, 10), *answered(Answer.ACCEPTED, 10, category=Category.CACHING)]
    said = [*said, *answered(Answer.ACCEPTED, 10, category=Category.CACHING, finding_type="duplicate_prompts")]
    taste = Taste(acceptance.learn(said), calibration.measure(said))
    liked = suggested("liked", finding_type="duplicate_prompts", category=Category.CACHING, confidence=0.8)
    disliked = suggested("disliked")
    assert [each.suggested.fingerprint for each in ranking.rank([liked, disliked])] == ["disliked", "liked"]
    first, second = ranking.rank([liked, disliked], taste)
    assert first.suggested == liked
    assert first.explanation[0].startswith("acceptance 0.9")
    assert "moved it up" in first.explanation[0]
    assert any("acceptance" in line and "moved it down" in line for line in second.explanation)


def test_findings_of_a_review_can_be_ranked() -> None:
    seen = window(
        traffic=(traffic(), traffic(is_routed=False)),
        ratings=(rated(DEAR, *[4] * 10), rated(CHEAP, *[4] * 10)),
        offered=OFFERED,
    )
    ranked = ranking.rank(ranking.of_finding(finding) for finding in review(seen))
    assert [each.suggested.fix_minutes for each in ranked if each.suggested.monthly_savings_nano_usd] == [5.0, 120.0]
    assert ranking.rank([]) == ()


FACTS = st.frozensets(st.sampled_from("12345"), min_size=1)
SUGGESTED = st.lists(
    st.builds(
        suggested,
        st.sampled_from([f"{n:02}" for n in range(40)]),
        finding_type=st.sampled_from(["overpowered_model", "spend_spike", "feedback_gap"]),
        confidence=st.none() | st.floats(0, 1),
        monthly_savings_nano_usd=st.none() | st.integers(0, 10**14),
        facts=FACTS,
    ),
    max_size=12,
    unique_by=lambda each: each.fingerprint,
)


@settings(max_examples=30)
@given(SUGGESTED, st.integers())
def test_ranking_is_bounded_and_the_same_in_any_order(drawn: list[Any], seed: int) -> None:
    ranked = ranking.rank(drawn)
    assert ranking.rank(random.Random(seed).sample(drawn, len(drawn))) == ranked
    assert sorted(each.score for each in ranked) == [each.score for each in reversed(ranked)]
    assert all(0 <= each.score <= each.base_score <= 1 for each in ranked)
    shown = [each.suggested.fingerprint for each in ranked] + [mark for each in ranked for mark in each.stands_for]
    assert sorted(shown) == sorted(each.fingerprint for each in drawn)


@settings(max_examples=50)
@given(st.lists(st.frozensets(st.sampled_from("123456789"), min_size=1), max_size=15))
def test_each_is_alike_the_first_kept_one_that_a_plain_search_finds(drawn: list[Any]) -> None:
    kept: list[int] = []
    for place, first in enumerate(similarity.first_alike(drawn)):
        alike = [
            before for before in kept if len(drawn[before] & drawn[place]) >= 0.7 * len(drawn[before] | drawn[place])
        ]
        assert first == (alike or [place])[0]
        kept += [place] * (not alike)


@settings(max_examples=30)
@given(st.integers(0, 100), st.integers(0, 100))
def test_more_confidence_never_ranks_lower(one: int, other: int) -> None:
    low, high = sorted((one / 100, other / 100))
    first, _ = ranking.rank([suggested("a", confidence=low), suggested("b", confidence=high)])
    assert first.suggested.confidence == high


def test_paths_gather_suggestions_by_type_and_heed_answers() -> None:
    ranked = ranking.rank(
        [
            suggested("a", monthly_savings_nano_usd=100 * USD),
            suggested("b", monthly_savings_nano_usd=10 * USD),
            suggested("c", finding_type="feedback_gap", confidence=0.9),
        ]
    )
    first, second = learning_paths.build(ranked)
    assert (first.place, first.finding_type, first.findings) == (1, "overpowered_model", 2)
    assert (first.goal, first.reason) == ("Send simple work to cheaper models", "2 open findings.")
    assert (first.monthly_savings_nano_usd, first.steps) == (110 * USD, ("a", "b"))
    # 0.62 for a half of impact, and 0.5575 for a quarter of it, times 0.7.
    assert first.score == pytest.approx(0.62 + 0.7 * 0.5575)
    assert (second.place, second.reason) == (2, "1 open finding.")


@pytest.mark.parametrize(
    ("kind", "score", "reason"),
    [
        # A quarter, 1.2 and 1.5 times 0.6825.
        (Kind.ANTI_PATTERN, 0.170625, "1 open finding; raised 9 times in 90 days, and 6 of 8 answers rejected it."),
        (Kind.RECURRING, 0.819, "1 open finding; raised 9 times in 90 days."),
        (Kind.BEST_PRACTICE, 1.02375, "1 open finding; raised 9 times in 90 days, and 2 of 8 answers accepted it."),
    ],
)
def test_what_a_team_makes_of_a_type_moves_its_path(kind: Kind, score: float, reason: str) -> None:
    pattern = Pattern("overpowered_model", kind, 9, 2, 6, NOW, NOW)
    (path,) = learning_paths.build(ranking.rank([suggested()]), [pattern])
    assert path.score == pytest.approx(score)
    assert path.reason == reason
