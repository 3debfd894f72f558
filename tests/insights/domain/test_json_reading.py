"""JSON of any size is read row by row, in whatever pieces it comes."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights.domain.usage_logs import json_reading
from insights.domain.usage_logs.json_reading import Broken
from insights.domain.usage_logs.record import Unreadable

ROW = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "data"), st.integers() | st.text(max_size=8), max_size=3
)


def in_pieces(text: str, size: int) -> Iterator[str]:
    return (text[place : place + size] for place in range(0, len(text), size))


def told(found: Iterable[tuple[int, Any]]) -> list[tuple[int, object]]:
    """Return rows, with the reason in place of one that cannot be read."""
    return [(line, str(row) if isinstance(row, Unreadable) else row) for line, row in found]


@settings(max_examples=40)
@given(st.lists(ROW, max_size=6), st.integers(1, 40), st.sampled_from([None, 2]))
def test_a_list_gives_its_rows_however_it_is_cut(rows: list[dict[str, Any]], size: int, indent: int | None) -> None:
    document = json.dumps(rows, indent=indent)

    assert [row for _, row in json_reading.rows(in_pieces(document, size))] == rows


@settings(max_examples=40)
@given(st.lists(ROW, max_size=4), st.lists(ROW, max_size=4), st.integers(1, 40))
def test_pages_that_follow_one_another_give_the_rows_of_all(
    first: list[dict[str, Any]], second: list[dict[str, Any]], size: int
) -> None:
    pages = "\n".join(json.dumps({"object": "page", "data": rows, "has_more": False}) for rows in (first, second))

    assert [row for _, row in json_reading.rows(in_pieces(pages, size))] == first + second


@pytest.mark.parametrize("size", range(1, 9))
def test_a_number_is_whole_wherever_the_text_is_cut(size: int) -> None:
    page = '{"cost": 1.25e-05, "most": 1e+308}'

    assert [row for _, row in json_reading.rows(in_pieces(page, size))] == [
        {"cost": Decimal("0.0000125"), "most": Decimal("1E+308")}
    ]


def test_rows_are_told_with_the_line_on_which_they_begin() -> None:
    document = '{"object": "list",\n "data": [\n  {"a": 1},\n  {"a":\n 2}\n ], "dalle_api_data": [{"b": 3}]}\n{"c": 4}'

    assert list(json_reading.rows([document])) == [(3, {"a": 1}), (4, {"a": 2}), (6, {"b": 3}), (7, {"c": 4})]


def test_a_list_of_pages_gives_the_rows_of_each() -> None:
    document = '[{"object": "page", "data": [{"a": 1}]}, {"object": "page", "data": [{"a": 2}]}]'

    assert [row for _, row in json_reading.rows([document])] == [{"a": 1}, {"a": 2}]


def test_a_row_of_ten_megabytes_is_read_from_small_pieces() -> None:
    long = "x" * 10_000_000
    document = json.dumps([{"messages": long, "a": 1}, {"a": 2}])

    found = list(json_reading.rows(in_pieces(document, 65_536)))

    assert [row["a"] for _, row in found] == [1, 2]
    assert found[0][1]["messages"] == long


@pytest.mark.parametrize(
    ("document", "line", "reason"),
    [
        ('[{"a": 1},\n{"a": 2', 2, "the file ends in the middle of a row"),
        ('[{"a": 1},\n{"a": "abc', 2, "the file ends in the middle of a row"),
        ('[{"a": 1},', 1, "the file ends in the middle of a list"),
        ('{"data": [{"a": 1}]', 1, "the file ends in the middle of an object"),
        ('[{"a": 1},\n{a: 2}, {"a": 3}' + " " * 99, 2, "not JSON: Expecting property name enclosed in double quotes"),
        ('[{"a": 1}]\nhello', 2, "not JSON: 'h' where a row should begin"),
        ('[{"a": 1}, ' + "[" * 100_000, 1, "nested too deeply"),
    ],
)
def test_where_json_breaks_off_the_rows_before_are_kept_and_the_line_is_told(
    document: str, line: int, reason: str
) -> None:
    found: list[tuple[int, Any]] = []

    with pytest.raises(Broken) as broken:
        found.extend(json_reading.rows(in_pieces(document, 7)))

    assert (broken.value.line, str(broken.value)) == (line, reason)
    assert found == [(1, {"a": 1})]


def test_a_line_that_is_no_json_spoils_only_itself() -> None:
    lines = [
        '{"a": 1}\n',
        "{not json\n",
        "\n",
        '{"a": 1' + "0" * 5000 + "}\n",
        '{"a": NaN}\r\n',
        "[" * 100_000 + "\n",
        '{"a": 2}',
    ]

    found = told(json_reading.lines(lines))

    assert [line for line, _ in found] == [1, 2, 4, 5, 6, 7]
    assert found[0] == (1, {"a": 1})
    assert found[1] == (2, "not JSON: Expecting property name enclosed in double quotes")
    # An integer of 5,001 digits would take its time; as a Decimal it is refused later, by its size.
    assert isinstance(found[2][1], dict)
    assert found[2][1]["a"] == Decimal("1E+5000")
    assert found[4] == (6, "not JSON: nested too deeply")
    assert found[5] == (7, {"a": 2})


def test_a_line_longer_than_any_row_is_told_once_and_the_next_is_read() -> None:
    piece = "x" * json_reading.LONGEST_ROW

    found = told(json_reading.lines([piece, piece, "the end\n", '{"a": 1}\n']))

    assert found == [(1, "longer than 32 MiB"), (2, {"a": 1})]


def test_money_keeps_the_digits_of_the_file() -> None:
    [(_, row)] = json_reading.rows(['[{"spend": 0.1000000000000000055511}]'])

    assert row["spend"] == Decimal("0.1000000000000000055511")
