"""The least confidence at which a finding is suggested, moved week by week by what teams answer."""

from collections.abc import Iterable
from dataclasses import dataclass

from insights.domain.answers import Answered

# Whole hundredths, so that steps add up exactly.
LOWEST, HIGHEST, LARGEST_STEP = 70, 99, 5
LEAST_SAMPLES = 50
# This share of what is suggested should be accepted.
WANTED_PERCENT = 70
# Fewer answers above a threshold say nothing about it.
_LEAST_ABOVE = 10


@dataclass(frozen=True, slots=True)
class Tuning:
    """The new threshold and where it came from; ``wanted`` is where it is heading, None where that is unknown."""

    threshold: float
    previous: float
    wanted: float | None
    samples: int
    reason: str


def tune(answers: Iterable[Answered], present: float) -> Tuning:
    """Move the threshold towards the lowest one above which the wanted share is accepted.

    By 0.05 at most and within 0.7 to 0.99. What lies below the present threshold was rarely shown, so that lowering it
    is the only way to learn about it; the limited step keeps that slow.

    Args:
        answers: Of the weeks that still count, in any order; those ignored count for nothing.
        present: A threshold outside the bounds is moved to the nearest one first.
    """
    start = min(HIGHEST, max(LOWEST, round(present * 100)))
    decided = [answer for answer in answers if answer.is_decided]
    if len(decided) < LEAST_SAMPLES:
        reason = f"{len(decided)} answers are too few; {LEAST_SAMPLES} are needed."
        return Tuning(start / 100, present, None, len(decided), reason)
    wanted = _lowest_good(decided)
    moved = max(start - LARGEST_STEP, min(start + LARGEST_STEP, wanted))
    return Tuning(moved / 100, present, wanted / 100, len(decided), _reason(wanted, start))


def _lowest_good(decided: list[Answered]) -> int:
    for percent in range(LOWEST, HIGHEST + 1):
        above = [answer.is_accepted for answer in decided if answer.confidence >= percent / 100]
        if len(above) >= _LEAST_ABOVE and sum(above) * 100 >= WANTED_PERCENT * len(above):
            return percent
    return HIGHEST


def _reason(wanted: int, start: int) -> str:
    if wanted == start:
        return f"At least {WANTED_PERCENT}% above it are accepted, and it cannot be lower."
    if wanted < start:
        return f"From {wanted / 100:.2f} on, at least {WANTED_PERCENT}% are accepted: more can be suggested."
    return f"Less than {WANTED_PERCENT}% below {wanted / 100:.2f} are accepted: less should be suggested."
