"""How much a rating weighs by its age: half as much for each thirty days."""

from datetime import timedelta

HALF_LIFE = timedelta(days=30)
_STEPS = 10


def steps() -> list[tuple[timedelta, int]]:
    """Return (age, weight) from young to old: a rating younger than the age has that weight, an older one ``OLDEST``.

    Weights are powers of two, a step for each half-life, so that they are whole and their sums exact.
    """
    return [(HALF_LIFE * (step + 1), 2 ** (_STEPS - step)) for step in range(_STEPS)]


OLDEST = 1
