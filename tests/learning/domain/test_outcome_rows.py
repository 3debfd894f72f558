from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.domain import outcome_rows
from learning.domain.outcome_rows import ImportedOutcome, InvalidHeader, InvalidRow

GOOD = {"prompt": "Why?", "model": "gpt", "quality": "0.5", "cost": "0.001", "task": "qa", "output_tokens": "12"}
BAD: dict[str, list[Any]] = {
    "cost": ["NaN", "inf", "-0.1", "1e999", "1_000", "0x10", "1000000.1", "free", True, []],
    # The last one is a digit, but of another script.
    "quality": ["", None, "nan", "1.01", "-0.1", "infinity", "good", True, {}, "\u0660"],
    "prompt": ["", "  ", None, 5, "a\x00b", "a\ud800b", "x" * 100_001],
    "model": ["", None, "a\nb", "m" * 201, "a\udcff", 7],
    "task": ["t" * 65, "a\x07", 5],
    "output_tokens": ["1.5", "-1", "10000001", "many", False],
}


def test_row_of_texts_is_read() -> None:
    # 0.001 dollars are a million nano-dollars.
    assert outcome_rows.parse(GOOD) == ImportedOutcome("Why?", "gpt", 0.5, 1_000_000, "qa", 12)


def test_row_of_json_values_is_read() -> None:
    row = {"prompt": "Why?", "model": "gpt", "quality": 1, "cost": Decimal("5e-05"), "output_tokens": 3}
    assert outcome_rows.parse(row) == ImportedOutcome("Why?", "gpt", 1.0, 50_000, None, 3)


@pytest.mark.parametrize("cost", ["", None, "  "])
def test_cost_that_is_not_given_is_unknown(cost: str | None) -> None:
    assert outcome_rows.parse({**GOOD, "cost": cost}).cost_nano_usd is None


@pytest.mark.parametrize(
    ("cost", "nano_usd"),
    [
        ("0", 0),
        ("0.000000001", 1),
        ("0.1", 100_000_000),
        ("1.000000001", 1_000_000_001),
        ("0.0000000015", 2),  # half a nano-dollar goes up
        ("1e-999", 0),
        ("1000000", 10**15),
    ],
)
def test_cost_is_exact_to_the_nano_dollar(cost: str, nano_usd: int) -> None:
    assert outcome_rows.parse({**GOOD, "cost": cost}).cost_nano_usd == nano_usd


@given(st.integers(0, 10**15))
def test_every_whole_nano_dollar_comes_back(nano_usd: int) -> None:
    text = f"{Decimal(nano_usd).scaleb(-9):f}"
    assert outcome_rows.parse({**GOOD, "cost": text}).cost_nano_usd == nano_usd


@pytest.mark.parametrize(("column", "value"), [(column, value) for column in BAD for value in BAD[column]])
def test_value_out_of_range_is_refused_by_its_column(column: str, value: Any) -> None:
    with pytest.raises(InvalidRow, match=f"^{column} "):
        outcome_rows.parse({**GOOD, column: value})


def test_message_shows_no_more_than_a_little_of_what_was_given() -> None:
    with pytest.raises(InvalidRow) as refused:
        outcome_rows.parse({**GOOD, "quality": "9" * 5_000})
    assert len(str(refused.value)) < 120


def test_columns_that_are_not_read_are_named() -> None:
    assert outcome_rows.check_columns(["prompt_id", "prompt", "model", "quality", "cost_usd"]) == ("prompt_id",)


def test_header_without_a_column_names_those_found_and_expected() -> None:
    with pytest.raises(InvalidHeader, match=r"lacks quality, cost\. Found: 'prompt, model'\. Expected: prompt, model"):
        outcome_rows.check_columns(["prompt", "model"])


def test_column_under_two_names_is_refused() -> None:
    with pytest.raises(InvalidHeader, match="names cost more than once"):
        outcome_rows.check_columns(["prompt", "model", "quality", "cost", "cost_usd"])


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.none() | st.text() | st.integers() | st.booleans()))
def test_any_row_is_read_or_refused(values: dict[str, Any]) -> None:
    try:
        outcome = outcome_rows.parse(values)
    except InvalidRow:
        return
    assert 0 <= outcome.quality <= 1
