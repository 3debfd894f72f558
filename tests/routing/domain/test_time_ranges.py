from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from routing.domain import time_ranges
from routing.domain.time_ranges import DAY, HOUR

START = datetime(2026, 3, 4, tzinfo=UTC)
hours = st.integers(0, 40).map(lambda number: START + HOUR * number)
stretches = st.builds(time_ranges.joined, st.lists(hours, max_size=10), st.sampled_from([HOUR, 2 * HOUR, 5 * HOUR]))


def covered(ranges):
    """The second implementation: every hour that is in one of the ranges."""
    return {
        START + HOUR * number for number in range(60) for start, end in ranges if start <= START + HOUR * number < end
    }


@given(stretches, stretches)
def test_what_is_left_is_what_is_in_no_hole(ranges, holes):
    left = time_ranges.without(ranges, holes)

    assert covered(left) == covered(ranges) - covered(holes)
    assert all(start < end for start, end in left)
    assert all(before[1] <= after[0] for before, after in pairwise(left))


def test_neighbors_are_joined():
    assert time_ranges.joined([START + 2 * HOUR, START, START + HOUR, START + 5 * HOUR], HOUR) == [
        (START, START + 3 * HOUR),
        (START + 5 * HOUR, START + 6 * HOUR),
    ]


def test_steps_are_counted_in_utc_from_1970():
    quarter_past_five = START + timedelta(hours=5, minutes=15)

    assert time_ranges.floor(quarter_past_five, DAY) == START
    assert time_ranges.ceiling(quarter_past_five, HOUR) == START + timedelta(hours=6)
    assert time_ranges.ceiling(START, DAY) == START
    assert time_ranges.whole(quarter_past_five, START + DAY, DAY) == []
    assert time_ranges.whole(quarter_past_five, START + DAY, HOUR) == [(START + 6 * HOUR, START + DAY)]
