from fractions import Fraction

import pytest

from learning.domain import confidence


def level(count: int, quality: str, correctness: str | None) -> str:
    return confidence.level(count, Fraction(quality), None if correctness is None else Fraction(correctness))


@pytest.mark.parametrize(
    ("count", "quality", "correctness", "expected"),
    [(12, "4.2", "0.85", "high"), (7, "3.8", "0.75", "medium"), (3, "4.5", "0.9", "low"), (15, "2.5", "0.5", "low")],
)
def test_the_published_examples(count: int, quality: str, correctness: str, expected: str) -> None:
    assert level(count, quality, correctness) == expected


@pytest.mark.parametrize(
    ("count", "quality", "correctness", "expected"),
    [
        (10, "4", "0.8", "high"),
        (9, "4", "0.8", "medium"),
        (10, "3.99", "0.8", "medium"),
        (10, "4", "0.79", "medium"),
        (5, "3.5", "0.7", "medium"),
        (4, "5", "1", "low"),
        (100, "3.49", "1", "low"),
        (100, "5", "0.69", "low"),
    ],
)
def test_each_limit_belongs_to_the_better_level(count: int, quality: str, correctness: str, expected: str) -> None:
    assert level(count, quality, correctness) == expected


def test_unknown_correctness_is_not_wrong_and_never_high() -> None:
    assert [level(100, "5", None), level(5, "3.5", None), level(4, "5", None)] == ["medium", "medium", "low"]


@pytest.mark.parametrize(
    ("count", "quality", "correctness", "expected"),
    [
        # 0.2·1 + 0.4·4.2/5 + 0.4·0.85 = 0.2 + 0.336 + 0.34
        (12, "4.2", "0.85", 0.876),
        # 0.2·0.7 + 0.4·3.8/5 + 0.4·0.75 = 0.14 + 0.304 + 0.3
        (7, "3.8", "0.75", 0.744),
        # 0.2·0.3 + 0.4·4.5/5 + 0.4·0.9 = 0.06 + 0.36 + 0.36
        (3, "4.5", "0.9", 0.78),
        (1000, "5", "1", 1.0),
    ],
)
def test_score(count: int, quality: str, correctness: str, expected: float) -> None:
    assert confidence.score(count, Fraction(quality), Fraction(correctness)) == pytest.approx(expected, abs=1e-12)


def test_score_takes_unknown_correctness_for_just_good_enough() -> None:
    # 0.2·1 + 0.4·5/5 + 0.4·0.7
    assert confidence.score(10, Fraction(5), None) == pytest.approx(0.88)


def test_lower_of_two_levels() -> None:
    assert confidence.lower("high", "medium") == "medium"
    assert confidence.lower("low", "high") == "low"
