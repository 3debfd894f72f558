import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import complexity
from tests.routing.domain.specs import SYSTEM_DESIGN

DURATION_PARSER = (
    "Write a Python function that parses an ISO 8601 duration string such as P3DT4H, handles invalid input with clear "
    "errors, and add unit tests for edge cases."
)


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("", "simple"),
        ("Hello", "simple"),
        ("What is the capital of France?", "simple"),
        ("Explain what a load balancer does, in two short sentences", "simple"),
        ("Write a haiku about autumn", "simple"),
        ("Write a Python function to add two numbers", "simple"),
        (DURATION_PARSER, "moderate"),
        (
            "Write a Python class for an LRU cache with a maximum size; it must be thread safe. Include tests.",
            "moderate",
        ),
        ("Prove that sqrt(2) is irrational", "moderate"),
        (SYSTEM_DESIGN, "complex"),
    ],
)
def test_prompt_falls_into_the_tier_a_person_would_expect(text: str, tier: str) -> None:
    assert complexity.tier(complexity.score(text)) == tier


@pytest.mark.parametrize(
    ("score", "tier"),
    [(0.0, "simple"), (0.2999, "simple"), (0.3, "moderate"), (0.6999, "moderate"), (0.7, "complex"), (1.0, "complex")],
)
def test_tier_begins_at_its_lower_bound(score: float, tier: str) -> None:
    assert complexity.tier(score) == tier


@pytest.mark.parametrize(
    ("text", "score"),
    [
        # 24 characters: 0.15 x sqrt(24 / 2400) = 0.015.
        ("x" * 24, 0.015),
        # The length saturates at 2,400 characters: 0.15.
        ("x" * 2_400, 0.15),
        ("x" * 240_000, 0.15),
        # 24 characters again, and a fence, which saturates code: 0.015 + 0.20.
        ("```" + "x" * 21, 0.215),
        # 24 characters, one word of brevity: below zero, hence zero.
        ("briefly " + "x" * 16, 0.0),
        # 24 characters, two of three steps: 0.015 + 0.15 x 2 / 3.
        ("- one\n- two\n" + "x" * 12, 0.115),
        ("1. one\n2) two\n" + "x" * 10, 0.115),
        # 24 characters, one of four constraints: 0.015 + 0.20 / 4.
        ("must " + "x" * 19, 0.065),
    ],
)
def test_score_is_the_sum_of_its_documented_signs(text: str, score: float) -> None:
    assert complexity.score(text) == pytest.approx(score, abs=0.00005)


def test_turns_and_tools_raise_the_score_by_their_weights() -> None:
    text = "x" * 24
    assert complexity.score(text, turns=6) == pytest.approx(0.015 + 0.05)
    assert complexity.score(text, turns=11) == pytest.approx(0.015 + 0.10)
    assert complexity.score(text, turns=1_000) == pytest.approx(0.015 + 0.10)
    assert complexity.score(text, has_tools=True) == pytest.approx(0.015 + 0.10)


def test_repeating_a_word_does_not_raise_the_score_beyond_its_length() -> None:
    once = "prove " + "x" * 2_400
    assert complexity.score("prove " * 1_000) == complexity.score(once)


@given(st.text(alphabet=st.characters()), st.integers(min_value=0, max_value=10_000), st.booleans())
def test_any_text_has_one_score_between_zero_and_one(text: str, turns: int, has_tools: bool) -> None:
    score = complexity.score(text, turns=turns, has_tools=has_tools)
    assert 0.0 <= score <= 1.0
    assert score == complexity.score(text, turns=turns, has_tools=has_tools)


@given(st.text())
def test_more_turns_and_tools_never_make_a_prompt_easier(text: str) -> None:
    assert complexity.score(text) <= complexity.score(text, turns=3) <= complexity.score(text, turns=3, has_tools=True)
