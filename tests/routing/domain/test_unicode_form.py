import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from routing.domain.unicode_form import nfc

ACUTE, DOT_BELOW = "\u0301", "\u0323"


def test_text_is_composed() -> None:
    assert nfc("e" + ACUTE) == "\u00e9"


def test_run_of_thirty_marks_is_composed_and_one_of_thirty_one_is_left_alone() -> None:
    thirty = "a" + (ACUTE + DOT_BELOW) * 15
    thirty_one = thirty + ACUTE
    assert nfc(thirty) == unicodedata.normalize("NFC", thirty) != thirty
    assert nfc(thirty_one) == thirty_one


@given(st.integers(min_value=0, max_value=100), st.integers(min_value=31, max_value=70))
def test_long_run_is_noticed_wherever_it_stands(before: int, length: int) -> None:
    text = "x" * before + ACUTE * length + "e" + ACUTE
    assert nfc(text) == text


@given(st.text(alphabet=st.sampled_from("aeo" + ACUTE + DOT_BELOW + "\u00e9\u1ea1"), max_size=20))
def test_short_texts_are_normalized_as_unicode_says(text: str) -> None:
    assert nfc(text) == unicodedata.normalize("NFC", text)
