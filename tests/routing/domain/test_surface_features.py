import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import answer_options, surface_features
from routing.domain.surface_features import FEATURES, Tokens

NO_TOKENS = Tokens("", np.zeros(0, dtype=np.int64), np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64))
# All but logarithms of sizes are far smaller; half precision, in which vectors are kept, holds up to 65,504.
LARGEST = 30.0


def by_character(text: str) -> Tokens:
    """Take each character for a token, numbered by its code point, of a vector that differs by it."""
    ids = np.array([ord(character) for character in text], dtype=np.int64)
    vectors = np.stack([np.sin(ids), np.cos(ids), ids % 2, ids % 3], axis=1).astype(np.float32)
    return Tokens(text, ids, vectors, np.arange(len(text)))


def feature(name: str, text: str, *, turns: int = 1, complexity_score: float = 0.0) -> float:
    tokens = by_character(text[:2_000])
    found = surface_features.surface(text, tokens, turns=turns, complexity_score=complexity_score)
    return float(found[FEATURES.index(name)])


def test_every_feature_has_a_name_of_its_own() -> None:
    assert len(set(FEATURES)) == len(FEATURES)


@given(st.text(max_size=3_000) | st.text(st.characters(codec=None), max_size=50), st.integers(1, 10**6))
def test_every_text_gives_bounded_features(text: str, turns: int) -> None:
    found = surface_features.surface(text, by_character(text[:500]), turns=turns, complexity_score=1.0)
    assert found.shape == (len(FEATURES),)
    assert found.dtype == np.float32
    assert (np.abs(found) <= LARGEST).all()


def test_text_without_tokens_has_features() -> None:
    found = surface_features.surface("", NO_TOKENS, turns=1, complexity_score=0.0)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("characters", "x" * 10**6, math.log(1_000_001)),
        ("words", "one two three", math.log(4)),
        ("lines", "a\nb\nc", math.log(4)),
        ("sentence_length", "One two three four. Five six", 6 / 2 / 20),
        ("word_length", "abcdef abcde", 5.5),
        ("longest_word", "abc abcdefghijklmno", 1.5),
        ("distinct_words", "the The cat", 2 / 3),
        ("long_word_share", "magnificent cat", 0.5),
        ("digit_share", "1234abcdef", 0.4),
        ("upper_share", "ABcd", 0.5),
        ("sign_share", "a,b.", 0.5),
        ("non_ascii", "aaé", math.log(3)),
        ("question_marks", "Why? Who?", math.log(3)),
        ("operators", "x^2 + y = 3", math.log(4)),
        ("quotes", 'say "hi"', math.log(3)),
        ("numbers", "12 apples, 3 pears in 2024", math.log(4)),
        ("longest_number", "12 and 1,234", 5.0),
        ("decimal_share", "1.5 and 2", 1 / 3),
        ("distinct_numbers", "3 and 3 and 4", math.log(3)),
        ("largest_magnitude", "3 and 99", math.log(100)),
        ("numbers_above_100", "3 and 101 and 200", math.log(3)),
        ("fractional_numbers", "1.5 and 2.0", math.log(2)),
        ("code_words", "def f(): pass", 1.0),
        ("code_fence", "```py\nx\n```", 1.0),
        ("begins_upper", "Hello", 1.0),
        ("ends_with_question_mark", "Is it? ", 1.0),
        ("ends_with_question_mark", "Is it?!", 0.0),
        ("asks_for_answer", "What is it? Answer:", 1.0),
        ("word_what", "What is what and what", 2.0),
        ("taking_away_count", "she gave two and had fewer remaining", math.log(4)),
        ("rate_share", "per hour", 1.0),
        ("percentage_count", "10% interest", math.log(3)),
        ("money_count", "It costs $5", math.log(3)),
        ("negation_count", "I don't know, no", math.log(3)),
        ("roman_count", "I and IV", math.log(3)),
        ("name_count", "so Anna and Bert", math.log(3)),
        ("year_count", "in 1984 and 2024, not 3000", math.log(3)),
        ("options", "Which?\nA. yes\nB. no\nC. maybe", math.log(4)),
        ("options", "Choices: (A) yes, (B) no", math.log(3)),
        ("options", "A. just one", 0.0),
        ("option_length", "Which?\nA. yes\nB. no", math.log(3.5)),
        ("stem_is_question", "Which?\nA. yes\nB. no", 1.0),
        ("tokens_per_word", "abc", 3.0),
        ("rarity", "aa", math.log(98)),
    ],
)
def test_feature_is_as_documented(name: str, text: str, value: float) -> None:
    assert feature(name, text) == pytest.approx(value, rel=1e-5)


def test_conversation_is_taken_as_given() -> None:
    assert feature("complexity", "hi", complexity_score=0.625) == 0.625
    assert feature("turns", "hi") == 0.0
    assert feature("turns", "hi", turns=5) == pytest.approx(math.log(5))


def test_equal_options_are_alike_and_different_ones_less() -> None:
    rows = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], dtype=np.float32)
    options = answer_options.Options("q", ("a", "b"), ((1, 2), (2, 3)))
    # The question and the first option point one way, the second option another.
    alike, near, lead, spread = answer_options.meaning(options, rows, np.arange(4))
    assert (alike, near, lead, spread) == pytest.approx((0.0, 0.5, 1.0, 0.5), abs=1e-4)
    same = answer_options.Options("q", ("a", "b"), ((1, 2), (3, 4)))
    assert answer_options.meaning(same, rows, np.arange(4))[0] == pytest.approx(1.0, abs=1e-4)


HOSTILE = [
    "f(",
    "\n",
    "(A) ",
    "A. \n",
    " (a)",
    "9",
    "1,",
    "'a",
    "a'",
    "%",
    " ",
    "🦊",
    "\ud800",
    "\\a",
    ". ",
    "x",
    "(",
    "None of the ",
    "statement 1",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_of_anything_costs_what_its_window_does(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    tokens = by_character(text[:2_000])
    began = time.thread_time()
    found = surface_features.surface(text, tokens, turns=1, complexity_score=0.0)
    # Some 5 ms at most here; a pattern that is not linear takes seconds.
    assert time.thread_time() - began < 0.25
    assert np.isfinite(found).all()
