from datetime import date

import pytest

from accounts.domain.periods import period_start


@pytest.mark.parametrize(
    ("period", "today", "start"),
    [
        ("day", date(2026, 3, 4), date(2026, 3, 4)),
        ("day", date(2028, 2, 29), date(2028, 2, 29)),
        ("month", date(2026, 3, 1), date(2026, 3, 1)),
        ("month", date(2026, 3, 31), date(2026, 3, 1)),
        ("month", date(2027, 1, 1), date(2027, 1, 1)),
    ],
)
def test_a_period_starts_on_its_first_day(period: str, today: date, start: date) -> None:
    assert period_start(period, today) == start


def test_an_unknown_period_is_refused_with_the_known_ones_named() -> None:
    with pytest.raises(ValueError, match="'week' is not a budget period: use one of day, month"):
        period_start("week", date(2026, 3, 4))
