"""How far the ratings of a model on a pattern may be trusted."""

from fractions import Fraction

HIGH = "high"
MEDIUM = "medium"
LOW = "low"
# From worst to best.
LEVELS = (LOW, MEDIUM, HIGH)

MIN_QUALITY = Fraction("3.5")
MIN_CORRECTNESS = Fraction("0.7")
HIGH_QUALITY = Fraction(4)
HIGH_CORRECTNESS = Fraction("0.8")
HIGH_SAMPLES = 10
MIN_SAMPLES = 5
_MOST_STARS = 5


def level(sample_count: int, avg_quality: Fraction, correctness_rate: Fraction | None) -> str:
    """Return ``high``, ``medium`` or ``low``.

    Args:
        avg_quality: Mean stars, 1 to 5.
        correctness_rate: In [0, 1]; None when nobody said whether an answer was correct. That is not held against the
            model, but never makes it high either.
    """
    if falls_short(avg_quality, correctness_rate):
        return LOW
    is_proven = correctness_rate is not None and correctness_rate >= HIGH_CORRECTNESS
    if sample_count >= HIGH_SAMPLES and avg_quality >= HIGH_QUALITY and is_proven:
        return HIGH
    return MEDIUM if sample_count >= MIN_SAMPLES else LOW


def falls_short(avg_quality: Fraction, correctness_rate: Fraction | None) -> bool:
    """Say whether the ratings are poor, however many there are."""
    return avg_quality < MIN_QUALITY or (correctness_rate is not None and correctness_rate < MIN_CORRECTNESS)


def lower(first: str, second: str) -> str:
    """Return the lower of two levels."""
    return min(first, second, key=LEVELS.index)


def score(sample_count: int, avg_quality: Fraction, correctness_rate: Fraction | None) -> float:
    """Return 0.2·min(1, n/10) + 0.4·stars/5 + 0.4·correctness, in [0, 1].

    Where the correctness is unknown, the least that is not low (0.7) stands in for it.
    """
    correctness = MIN_CORRECTNESS if correctness_rate is None else correctness_rate
    samples = min(Fraction(1), Fraction(sample_count, HIGH_SAMPLES))
    return float(
        Fraction("0.2") * samples + Fraction("0.4") * avg_quality / _MOST_STARS + Fraction("0.4") * correctness
    )
