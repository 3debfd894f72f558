from datetime import UTC, datetime, timedelta

from insights.domain import repeats
from insights.domain.repeats import Repeats

NINE = datetime(2026, 3, 4, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(*minutes: int) -> list[tuple[datetime, int]]:
    return [(NINE + timedelta(minutes=minute), 10 + number) for number, minute in enumerate(minutes)]


def test_requests_within_the_lifetime_of_an_answer_are_repeats() -> None:
    # 9:00 is kept until 10:00 and serves 9:30 and 9:59, which cost 11 and 12.
    assert repeats.count(at(0, 30, 59), HOUR) == Repeats(3, 2, 23)


def test_an_answer_is_not_renewed_by_those_it_serves() -> None:
    # 9:00 serves 9:50 and has expired by 10:00, which is kept anew and serves 10:50.
    assert repeats.count(at(0, 50, 60, 110), HOUR) == Repeats(4, 2, 24)


def test_requests_far_apart_are_no_repeats() -> None:
    assert repeats.count(at(0, 60, 120), HOUR) == Repeats(3, 0, 0)


def test_of_no_requests_none_is_a_repeat() -> None:
    assert repeats.count([], HOUR) == Repeats(0, 0, 0)
