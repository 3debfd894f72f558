import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.gateway import requests
from routing.gateway.requests import InvalidRequest

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["model", "messages", "stream", "stream_options", "max_tokens", "n", "tools", "response_format", "user", "metadata"]
)


def controls(headers: dict[str, str] | None = None, metadata: dict[str, Any] | None = None) -> requests.RequestControls:
    return requests.request_controls(headers or {}, metadata)


def refusal(headers: dict[str, str]) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        controls(headers)
    assert caught.value.status == 422
    return caught.value.param


def test_request_without_controls_has_none() -> None:
    plain = controls()

    assert (plain.controls.max_cost_usd, plain.controls.min_quality) == (None, None)
    assert (plain.may_cache, plain.session_id, plain.task) == (True, None, None)


def test_controls_are_read_from_headers() -> None:
    read = controls(
        {
            "x-optimizer-max-cost-usd": " 0.01 ",
            "x-optimizer-min-quality": "0.8",
            "x-optimizer-cache": "no-store",
            "x-optimizer-session": "s-1",
            "x-optimizer-task": "summary",
        }
    )

    assert (read.controls.max_cost_usd, read.controls.min_quality) == (Decimal("0.01"), 0.8)
    assert (read.may_cache, read.session_id, read.task) == (False, "s-1", "summary")


def test_controls_are_read_from_metadata_and_headers_win() -> None:
    metadata = {"x-optimizer-max-cost-usd": 0.5, "x-optimizer-session": "from-metadata", "task": "plain"}

    read = controls({"x-optimizer-session": "from-header"}, metadata)

    assert read.controls.max_cost_usd == Decimal("0.5")
    assert (read.session_id, read.task) == ("from-header", "plain")


@pytest.mark.parametrize("value", ["abc", "-1", "NaN", "inf", "1e30", "1000001"])
def test_senseless_cost_limit_is_refused_by_name(value: str) -> None:
    assert refusal({"x-optimizer-max-cost-usd": value}) == "x-optimizer-max-cost-usd"


@pytest.mark.parametrize("value", ["abc", "-0.1", "1.1", "nan"])
def test_senseless_quality_is_refused_by_name(value: str) -> None:
    assert refusal({"x-optimizer-min-quality": value}) == "x-optimizer-min-quality"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-optimizer-cache", "off"),
        ("x-optimizer-session", "s" * 201),
        ("x-optimizer-session", "a\x00b"),
        ("x-optimizer-task", "t" * 65),
    ],
)
def test_unusable_label_is_refused_by_name(name: str, value: str) -> None:
    assert refusal({name: value}) == name


def test_what_is_meant_for_us_is_not_sent_on() -> None:
    metadata = {"x-optimizer-task": "t", "X-Optimizer-Session": "s", "customer": "7"}

    assert requests.provider_body({**CHAT, "metadata": metadata})["metadata"] == {"customer": "7"}
    assert "metadata" not in requests.provider_body({**CHAT, "metadata": {"x-optimizer-task": "t"}})
    assert requests.provider_body(CHAT) is CHAT


@pytest.mark.parametrize("value", ["", "k" * 256, "a\x7fb"])
def test_unusable_idempotency_key_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest):
        requests.idempotency_key({"idempotency-key": value})


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'"x"', b"\xff", b'{"a": NaN}', b"[" * 5000])
def test_body_that_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        requests.parse_json(raw)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 129}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_field_at_fault_is_named(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        requests.chat_request({**CHAT, **change})
    assert (caught.value.status, caught.value.param) == (422, param)


def test_fields_unknown_to_us_pass() -> None:
    assert requests.chat_request({**CHAT, "logit_bias": {"5": 1}}).model == "auto"


@given(FIELDS, JSON_VALUES)
def test_any_json_is_read_or_refused(field: str, value: Any) -> None:
    raw = json.dumps({**CHAT, field: value}).encode()
    with suppress(InvalidRequest):
        assert requests.chat_request(requests.parse_json(raw)).messages


def test_equal_bodies_have_equal_hashes_and_others_do_not() -> None:
    assert requests.body_hash(b"a") == requests.body_hash(b"a") != requests.body_hash(b"b")


def test_experiment_needs_a_user() -> None:
    with pytest.raises(InvalidRequest) as caught:
        requests.complete_request({"prompt": "hi", "experiment_id": 1})
    assert (caught.value.status, caught.value.code) == (400, "user_id_required")


def test_experiment_of_complete_is_read() -> None:
    asked = requests.complete_request({"prompt": "hi", "experiment_id": 1, "user_id": "bob"})
    assert (asked.experiment_id, asked.user_id) == (1, "bob")
    with pytest.raises(InvalidRequest, match="user_id required when experiment_id is specified"):
        requests.complete_request({"prompt": "hi", "experiment_id": 1, "user_id": ""})


@pytest.mark.parametrize(
    ("headers", "metadata"),
    [({"x-optimizer-experiment": " 42 "}, None), ({}, {"x-optimizer-experiment": 42})],
    ids=["header", "metadata"],
)
def test_experiment_is_named_by_header_or_metadata(headers: dict[str, str], metadata: dict[str, Any] | None) -> None:
    assert requests.request_controls(headers, metadata).experiment_id == 42


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "1e3", "9" * 20, "\u0663"])
def test_experiment_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        requests.request_controls({"x-optimizer-experiment": text}, None)
    assert (caught.value.status, caught.value.param) == (422, "x-optimizer-experiment")


def test_experiment_and_a_model_of_the_caller_s_own_exclude_each_other() -> None:
    given = requests.request_controls({"x-optimizer-experiment": "42"}, None)
    requests.check_experiment(given, "auto")
    requests.check_experiment(given, "auto:hybrid")
    with pytest.raises(InvalidRequest) as caught:
        requests.check_experiment(given, "gpt-4o")
    assert (caught.value.status, caught.value.param) == (422, "model")
