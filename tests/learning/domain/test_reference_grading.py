import pytest

from learning.domain import reference_grading


@pytest.mark.parametrize(
    ("mode", "answer", "reference", "quality"),
    [
        ("exact", " Paris\n", "Paris", 1.0),
        ("exact", "paris", "Paris", 0.0),
        ("normalized", "The  PARIS!", "paris", 1.0),
        ("normalized", "Paris, France", "Paris", 0.0),
        ("numeric", "So 6 * 7 = 42.", "42", 1.0),
        ("numeric", "It is 1,234.50 dollars", "1234.5", 1.0),
        ("numeric", "41", "42", 0.0),
        ("numeric", "none", "42", 0.0),
        ("numeric", "-3", "3", 0.0),
        ("contains", "It is Paris, of course.", "paris", 1.0),
        ("contains", "Parisian", "paris", 0.0),
        ("contains", "anything", "?!", 0.0),
        # Two words of three are common to two and three words: 2 * 2 / (2 + 3).
        ("f1", "big dog", "big dog barks", 0.8),
        ("f1", "cat", "dog", 0.0),
        ("f1", "...", "", 1.0),
    ],
)
def test_answer_is_compared_as_the_mode_says(mode: str, answer: str, reference: str, quality: float) -> None:
    assert reference_grading.grade(answer, reference, mode=mode) == quality


def test_unknown_mode_lists_those_there_are() -> None:
    with pytest.raises(reference_grading.UnknownMode, match="exact, normalized, numeric, contains, f1"):
        reference_grading.grade("a", "a", mode="fuzzy")
