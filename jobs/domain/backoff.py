"""How long to wait before work that failed is tried again."""

from datetime import timedelta
from random import Random

RETRIES = 3
FIRST = timedelta(seconds=30)
FACTOR = 4


def pause(attempts: int, rng: Random) -> timedelta:
    """Return the pause after so many attempts, from 1: about 30 s, 2 min, 8 min.

    Half of it is certain and half is drawn, so that what failed together is not tried again together.
    """
    whole: timedelta = FIRST * FACTOR ** (attempts - 1)
    return whole / 2 + whole / 2 * rng.random()


def is_exhausted(attempts: int) -> bool:
    """Whether the first attempt and every retry have been made."""
    return attempts > RETRIES
