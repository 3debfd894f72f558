from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import backoff


@given(seed=st.integers(), attempts=st.integers(1, 3))
def test_pauses_grow_fourfold_and_are_drawn_from_their_upper_half(seed: int, attempts: int) -> None:
    whole = {1: timedelta(seconds=30), 2: timedelta(minutes=2), 3: timedelta(minutes=8)}[attempts]

    assert whole / 2 <= backoff.pause(attempts, Random(seed)) <= whole


def test_three_retries_follow_the_first_attempt() -> None:
    assert [backoff.is_exhausted(attempts) for attempts in (1, 2, 3, 4)] == [False, False, False, True]
