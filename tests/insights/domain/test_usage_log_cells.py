"""Single values of a log: what is read, and what is refused with its name."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights.domain.usage_logs import cells
from insights.domain.usage_logs.record import Unreadable

MARCH = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", [12, "12", "12.0", 12.0, Decimal("12"), " 12 "])
def test_a_count_is_read_from_json_and_from_csv(value: object) -> None:
    assert cells.count({"tokens": value}, "tokens") == 12


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_cell_counts_nothing(value: object) -> None:
    assert cells.count({"tokens": value}, "tokens") == 0


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (-5, "tokens is negative: '-5'"),
        ("1.5", "tokens is '1.5', not a whole number"),
        ("NaN", "tokens is 'NaN', not a number"),
        (Decimal("NaN"), "tokens is 'NaN', not a number"),
        ("Infinity", "tokens is 'Infinity', not a number"),
        (True, "tokens is 'True', not a number"),
        ([1], "tokens is 'an object', not a number"),
        ("=1+1", "tokens is '=1+1', not a number"),
        (Decimal("1E+999999"), "tokens is '1E+999999': more than 1e+15"),
        ("9" * 5000, f"tokens is '{'9' * 40}'…: more than 1e+15"),
        (Decimal("1E-999999"), "tokens is '1E-999999', not a whole number"),
        ("12\x00", "tokens is '12\\x00', not a number"),
    ],
)
def test_what_is_no_count_is_refused_with_its_name(value: object, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        cells.count({"tokens": value}, "tokens")

    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("value", "femto_usd"),
    [
        # 1 dollar is 10^15 femto-dollars.
        ("1", 10**15),
        (0.0000125, 12_500_000_000),
        # The shortest text of a float is taken, not its binary value 0.1000000000000000055…
        (0.1, 10**14),
        ("0.0000000000000005", 1),
        ("0.0000000000000004", 0),
        (Decimal("1E-999999"), 0),
        ("", None),
        (None, None),
    ],
)
def test_money_is_whole_femto_dollars(value: object, femto_usd: int | None) -> None:
    assert cells.money({"spend": value}, "spend") == femto_usd


@pytest.mark.parametrize("value", ["-1", "nan", "1e9", Decimal("Infinity"), "$5"])
def test_what_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(Unreadable, match="spend is"):
        cells.money({"spend": value}, "spend")


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-04T12:30:00Z",
        "2026-03-04 12:30:00",
        "2026-03-04 12:30:00+00",
        "2026-03-04T13:30:00.000+01:00",
        # Seconds and milliseconds since 1970: 20,516 days of 86,400 s, and 45,000 s.
        1772627400,
        "1772627400.0",
        1772627400000,
    ],
)
def test_a_moment_is_read_in_every_spelling(value: object) -> None:
    assert cells.moment({"at": value}, "at") == MARCH


def test_a_moment_is_taken_from_the_first_cell_that_has_one() -> None:
    assert cells.moment({"start": "", "end": "2026-03-04T12:30:00Z"}, "start", "end") == MARCH


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-13-01", "1999-01-01", "9999-12-31", 10**30, -5, "", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(Unreadable, match="at is"):
        cells.moment({"at": value}, "at")


def test_text_keeps_no_control_characters_and_no_more_than_200() -> None:
    assert cells.text({"model": " gpt\x00-4o\u202e\ud800 "}, "model") == "gpt-4o"
    assert cells.text({"model": "m" * 5000}, "model") == "m" * 200


@settings(max_examples=40)
@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.decimals(), st.lists(st.integers()))
)
def test_no_value_does_anything_but_be_read_or_refused(value: object) -> None:
    for read in (cells.count, cells.money, cells.moment):
        try:
            read({"cell": value}, "cell")
        except Unreadable as refused:
            assert str(refused).startswith("cell is")  # noqa: PT017
