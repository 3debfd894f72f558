import io
from decimal import Decimal

import orjson
import pytest
from django.utils.functional import lazystr
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import APIException

from optimizer_project.parsers import MAX_DEPTH, StrictJSONParser
from optimizer_project.renderers import ExactJSONRenderer, dump_json

HOSTILE = {
    "nothing": b"",
    "deep array": b"[" * 5000 + b"]" * 5000,
    "deep object": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "a level too deep": b"[" * (MAX_DEPTH + 1) + b"1" + b"]" * (MAX_DEPTH + 1),
    "NUL in a value": b'{"a": "x\\u0000y"}',
    "NUL in a key": b'{"\\u0000": 1}',
    "NUL deep inside": b'{"a": [[{"b": ["\\u0000"]}]]}',
    "raw NUL": b'{"a": "\x00"}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "lone surrogate in a key": b'{"\\udfff": 1}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "1e999": b'{"a": 1e999}',
    "invalid UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "trailing text": b'{"a": 1} x',
    "trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "unfinished": b'{"a": ',
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
}


def parsed(body: bytes):
    return StrictJSONParser().parse(io.BytesIO(body))


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_json_is_refused_in_words(body):
    with pytest.raises(APIException) as caught:
        parsed(body)

    assert caught.value.status_code == 400
    assert str(caught.value.detail).startswith("The request body ")


def test_a_body_over_the_limit_is_refused_as_too_large(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    assert parsed(b'"12345678"') == "12345678"
    with pytest.raises(APIException) as caught:
        parsed(b'"123456789"')
    assert caught.value.status_code == 413


def test_ordinary_json_is_read():
    assert parsed(b'{"a": [1, 2.5, null, true, "\\u00e9 \\\\u0000"]}') == {"a": [1, 2.5, None, True, "é \\u0000"]}


def test_the_deepest_value_allowed_is_read():
    assert str(parsed(b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH)).count("[") == MAX_DEPTH


def test_an_integer_of_5000_digits_is_refused_or_a_number_but_never_a_crash():
    assert parsed(b"9" * 30) == 1e30
    with pytest.raises(APIException):
        parsed(b"9" * 5000)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_crash_the_parser(body):
    try:
        parsed(body)
    except APIException as refusal:
        assert 400 <= refusal.status_code < 500  # noqa: PT017


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=9))
def test_a_decimal_keeps_its_value_digit_by_digit(amount):
    text = dump_json(amount).decode()

    assert Decimal(text) == amount
    assert "e" not in text.lower()


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0.001000000", b"0.001"), ("100", b"100"), ("0", b"0"), ("0E-9", b"0"), ("-0.5", b"-0.5"), ("NaN", b"null")],
)
def test_a_decimal_is_written_as_a_plain_number(amount, text):
    assert dump_json(Decimal(amount)) == text


def test_everything_a_view_returns_can_be_rendered():
    rendered = ExactJSONRenderer().render({"lazy": lazystr("text"), 3: None, "money": [Decimal("1.10")]})

    assert orjson.loads(rendered) == {"lazy": "text", "3": None, "money": [1.1]}


def test_an_unknown_kind_of_value_is_a_fault_and_not_a_guess():
    with pytest.raises(TypeError, match="not JSON serializable: object"):
        dump_json(object())
