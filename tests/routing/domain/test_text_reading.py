import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import text_reading

ASCII = st.characters(max_codepoint=127)


@given(st.text(st.one_of(ASCII, st.characters()), max_size=80))
def test_words_are_runs_of_letters_digits_and_underscores_in_any_alphabet(text: str) -> None:
    assert text_reading.read(text).words == re.findall(r"\w+", text.casefold())


@given(st.text(ASCII, max_size=80))
def test_they_are_the_same_in_text_of_ascii_alone(text: str) -> None:
    assert text_reading.read(text).words == re.findall(r"\w+", text.casefold())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't use O(n^2)!\x1fsnake_case\x00end", ["don", "t", "use", "o", "n", "2", "snake_case", "end"]),
        ("Größe, naïve — ok", ["grösse", "naïve", "ok"]),
        ("", []),
    ],
)
def test_case_is_folded_and_punctuation_cuts(text: str, words: list[str]) -> None:
    assert text_reading.read(text).words == words
