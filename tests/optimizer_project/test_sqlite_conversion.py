"""What SQLite lets into a column, as PostgreSQL's COPY reads it."""

import json
from typing import Any

import pytest
from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import ApiKey, Team
from feedback.models import ResponseFeedback
from optimizer_project.sqlite_import import conversion, tables
from optimizer_project.sqlite_import.conversion import Repairs, Unconvertible
from optimizer_project.sqlite_import.tables import Table
from routing.models import CachedResponse, LedgerEntry, ModelPrice

LEDGER = LedgerEntry._meta
FIELDS: dict[str, Any] = {
    "text": LEDGER.get_field("error_message"),
    "short text": LEDGER.get_field("provider"),
    "json": LEDGER.get_field("attempts"),
    "big": LEDGER.get_field("cost_nano_usd"),
    "small": LEDGER.get_field("http_status"),
    "float": LEDGER.get_field("complexity_score"),
    "flag": LEDGER.get_field("is_stream"),
    "moment": LEDGER.get_field("created_at"),
    "uuid": LEDGER.get_field("request_id"),
    "team": LEDGER.get_field("team"),
    "bytes": CachedResponse._meta.get_field("encrypted_body"),
    "price": ModelPrice._meta.get_field("input_usd_per_mtok"),
}


def converted(kind: str, value: Any) -> str:
    return conversion.column_of(FIELDS[kind], Repairs()).convert(value)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        # A tab or a line's end would end the value, a backslash begin an escape.
        ("text", "a\tb\nc\\N\r", "a\\tb\\nc\\\\N\\r"),
        ("text", "", ""),
        # SQLite keeps bytes in a column of text when it is given bytes.
        ("text", b"caf\xc3\xa9", "café"),
        ("json", '{"b": 1, "a": "\\u00e9"}', '{"b": 1, "a": "\\\\u00e9"}'),
        ("big", 2**63 - 1, "9223372036854775807"),
        ("float", 0.1, "0.1"),
        ("float", 3, "3.0"),
        ("float", float("inf"), "inf"),
        ("flag", 1, "t"),
        ("flag", 0, "f"),
        ("moment", "2026-03-04 05:06:07", "2026-03-04 05:06:07+00"),
        ("moment", "2026-03-04 05:06:07.120000", "2026-03-04 05:06:07.12+00"),
        # Written by hand, with an offset: 05:06 in UTC+2 is 03:06 in UTC.
        ("moment", "2026-03-04T05:06:07+02:00", "2026-03-04 03:06:07+00"),
        ("uuid", "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"),
        ("uuid", "01234567-89AB-CDEF-0123-456789ABCDEF", "01234567-89ab-cdef-0123-456789abcdef"),
        ("team", 7, "7"),
        ("bytes", b"\x00\xff\\", "\\\\x00ff5c"),
        ("price", 0.15, "0.150000"),
        ("price", 3, "3.000000"),
    ],
)
def test_values_become_what_copy_reads(kind: str, value: Any, text: str) -> None:
    assert converted(kind, value) == text


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("short text", "x" * 65, "65 characters, and the column takes"),
        ("small", 40_000, "from 0 to 32767|from -32768 to 32767"),
        ("big", "many", "'many' is no whole number"),
        ("big", 1.5, "1.5 is no whole number"),
        ("float", "much", "is no number"),
        ("flag", 2, "neither true nor false"),
        ("moment", "yesterday", "no date with time"),
        ("moment", 1_700_000_000, "no date with time"),
        ("uuid", "12", "no UUID"),
        ("price", 1e30, "no number of"),
        ("json", "{", "no JSON"),
        ("json", '{"a": NaN}', "no JSON"),
        ("json", "1e999999999", "no JSON"),
        ("json", "[" * 100_000 + "]" * 100_000, "no JSON"),
    ],
)
def test_what_postgresql_cannot_hold_is_refused_and_shown(kind: str, value: Any, reason: str) -> None:
    with pytest.raises(Unconvertible, match=reason):
        converted(kind, value)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("text", "a\x00b", "a\ufffdb"),
        ("text", "a\ud83db", "a\ufffdb"),
        # UTF-8 of half a pair, and bytes that are no UTF-8 at all.
        ("text", b"a\xed\xa0\xbdb", "a\ufffdb"),
        ("text", b"a\xffb", "a\ufffdb"),
        ("json", '["a\\u0000b"]', '["a\\\\ufffdb"]'),
        ("json", '{"\\ud83d": 1}', '{"\\\\ufffd": 1}'),
        ("json", '["a\x00b"]', '["a\\\\ufffdb"]'),
    ],
)
def test_characters_that_postgresql_cannot_hold_are_replaced_and_reported(kind: str, value: Any, text: str) -> None:
    repairs = Repairs()
    column = conversion.column_of(FIELDS[kind], repairs)

    assert column.convert(value) == text
    assert repairs.columns == [column.name]


def test_a_whole_surrogate_pair_stays_as_it_was_written() -> None:
    repairs = Repairs()

    assert conversion.column_of(FIELDS["json"], repairs).convert('["\\ud83d\\ude00"]') == '["\\\\ud83d\\\\ude00"]'
    assert repairs.columns == []


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        # As SQLite has it, and as PostgreSQL writes the same value.
        ('{"b": 1, "aa": 2}', '{"aa": 2, "b": 1}'),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ("[1.0, 1e3, 1e+22, -0.0]", "[1.0, 1000, 10000000000000000000000, 0.0]"),
        ("[1e-07]", "[0.0000001]"),
        ("[9007199254740993]", "[9007199254740993]"),
        ('["\\\\u0041"]', '["A"]'),
    ],
)
def test_one_json_value_has_one_canonical_form(written: str, kept: str) -> None:
    assert conversion.canonical_json(written) == conversion.canonical_json(kept)


@pytest.mark.parametrize(
    ("one", "other"), [("[1]", "[2]"), ("[9007199254740992]", "[9007199254740993]"), ("[true]", "[1]"), ("null", '""')]
)
def test_different_json_values_have_different_canonical_forms(one: str, other: str) -> None:
    assert conversion.canonical_json(one) != conversion.canonical_json(other)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_every_text_comes_back_from_its_escaped_form(text: str) -> None:
    escaped = conversion.escape(text)

    assert conversion.unescape(escaped) == text
    assert "\n" not in escaped
    assert "\t" not in escaped


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        st.lists,
        max_leaves=8,
    )
)
def test_every_json_that_the_product_writes_is_taken(value: Any) -> None:
    assert converted("json", json.dumps(value))


def test_every_column_of_every_model_has_a_conversion() -> None:
    found = {table.name: table for table in tables.all_tables()}

    assert {"routing_metrics", "response_feedback", "auth_user", "auth_user_groups"} <= set(found)
    assert len(found["routing_metrics"].columns) == len(LEDGER.concrete_fields)


def test_a_kind_of_column_without_conversion_is_named() -> None:
    field: Any = models.DurationField()
    field.set_attributes_from_name("length")

    with pytest.raises(LookupError, match="DurationField"):
        conversion.column_of(field, Repairs())


def test_a_value_that_does_not_fit_is_named_by_its_column() -> None:
    repairs = Repairs()
    fields = (
        Team._meta.get_field("slug"),
        ApiKey._meta.get_field("scopes"),
        ResponseFeedback._meta.get_field("linked"),
    )
    table = Table(Team, tuple(conversion.column_of(field, repairs) for field in fields), repairs)

    assert table.line(("a", None, 1)) == "a\t\\N\tt"
    with pytest.raises(Unconvertible, match="linked: 5 is neither"):
        table.line(("a", "[]", 5))
