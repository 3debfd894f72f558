"""How long to wait between attempts to deliver a message."""

from datetime import timedelta

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=30)
# Waits of 0.5, 1, 2, 4, 8, 16 and 30 minutes: about an hour in all.
MAX_ATTEMPTS = 8


def wait_after(attempts: int) -> timedelta | None:
    """Return how long to wait after so many failed attempts, one at least; None when no further one is made."""
    if attempts >= MAX_ATTEMPTS:
        return None
    wait: timedelta = FIRST * 2 ** (attempts - 1)
    return min(wait, LONGEST)
