import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain import canonical_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


def nested(levels: int, innermost: Any = 1) -> Any:
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


def test_keys_are_sorted_at_every_level() -> None:
    assert canonical_json.encode({"b": {"d": 1, "c": 2}, "a": "é"}) == '{"a":"é","b":{"c":2,"d":1}}'.encode()


def test_what_utf8_or_64_bits_cannot_hold_is_written_escaped() -> None:
    assert canonical_json.encode({"b": "\ud800", "a": 2**70}) == b'\x00{"a":1180591620717411303424,"b":"\\ud800"}'


@given(JSON, JSON)
def test_different_values_have_different_bytes(one: Any, other: Any) -> None:
    # Python holds 1, 1.0 and True equal; their spelling in JSON, with sorted keys, tells them apart.
    same_value = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (canonical_json.encode(one) == canonical_json.encode(other)) == same_value


@given(JSON)
def test_encoding_keeps_the_value(value: Any) -> None:
    assert json.loads(canonical_json.encode(value).removeprefix(b"\x00")) == value


@pytest.mark.parametrize("value", [nested(1_000), nested(100_000), nested(100_000, "\ud800")])
def test_too_deep_a_value_is_refused_with_its_cure(value: Any) -> None:
    with pytest.raises(canonical_json.TooDeeplyNested, match="less nesting"):
        canonical_json.encode(value)


def test_sensibly_deep_values_are_encoded() -> None:
    assert canonical_json.encode(nested(200)) == b"[" * 200 + b"1" + b"]" * 200
