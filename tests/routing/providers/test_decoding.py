import math

import orjson
import pytest

from routing.providers.decoding import Undecodable, decode


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, null]}', {"a": [1, None]}),
        (b'{"a": "x\\u0000y"}', {"a": "x\x00y"}),
        (b'{"a\\ud800": ["\\udfff"]}', {"a\ufffd": ["\ufffd"]}),
        (b'{"a": "\\ud83d\\ude00", "b": NaN}', {"a": "\U0001f600", "b": pytest.approx(math.nan, nan_ok=True)}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (
            b'{"a": 9223372036854775808, "b": NaN}',
            {"a": 9.223372036854775808e18, "b": pytest.approx(math.nan, nan_ok=True)},
        ),
    ],
)
def test_strange_json_is_read(raw: bytes, value: object) -> None:
    assert decode(raw) == value


def test_what_was_read_can_be_written_back() -> None:
    value = decode(b'{"a": NaN, "b": -Infinity, "c": "\\ud800", "d": ' + b"9" * 400 + b"}")

    assert orjson.dumps(value) == '{"a":null,"b":null,"c":"\ufffd","d":null}'.encode()


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b'{"a":', b"[" * 100_000, b"\xff\xfe", b'{"a": 1} x', b"[" * 300 + b"]" * 300]
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(raw)


def test_what_nests_deeply_is_read_as_long_as_it_can_be_written_within_an_answer() -> None:
    value = decode(b"[" * 240 + b"]" * 240)

    assert orjson.dumps({"choices": [{"delta": value}]}).count(b"[") == 241
