import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.domain.usage import Usage
from routing.providers.base import ProviderError, StreamEnd
from routing.services import rendering
from routing.services.rendering import Result
from tests.routing.domain import specs
from tests.routing.services.ledger_requests import plan

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def result(**changes: Any) -> Result:
    values: dict[str, Any] = {
        "request_id": "request",
        "plan": plan(),
        "model": specs.model(),
        "attempts": 1,
        "usage": Usage(5, 22),
        "cost_nano_usd": 49_000,
        "baseline_cost_nano_usd": 149_000,
        "latency_ms": 60,
        "overhead_ms": 1.5,
        **changes,
    }
    return Result(**values)


def end() -> StreamEnd:
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return StreamEnd(final_chunk=chunk, usage=None, usage_extra={}, finish_reason="stop", text="")


def events(stream: bytes) -> list[Any]:
    return [json.loads(line[6:], parse_float=Decimal) for line in stream.decode().split("\n\n")[:-2]]


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (49_000, "0.000049"),
        (100_000_000, "0.1"),
        (1_000_000_000, "1"),
        (20_000_000_000, "20"),
        (10**18 + 1, "1000000000.000000001"),
        (-5, "-0.000000005"),
        (None, "unknown"),
    ],
)
def test_money_is_written_as_plain_exact_digits(nano_usd: int | None, text: str) -> None:
    assert rendering.usd(nano_usd) == text


@given(st.integers(-(10**18), 10**18))
def test_no_nano_dollar_is_lost_in_writing(nano_usd: int) -> None:
    text = rendering.usd(nano_usd)

    assert Decimal(text) * 10**9 == nano_usd
    assert "e" not in text.lower()


def test_answer_carries_its_exact_cost_beside_the_providers_words() -> None:
    body = rendering.chat_body(result(), {"id": "x", "unknown": 1, "usage": {"prompt_tokens": 5, "extra": 2}})

    assert b'"cost_usd":0.000049' in body
    answer = json.loads(body, parse_float=Decimal)
    assert (answer["id"], answer["unknown"]) == ("x", 1)
    assert answer["usage"] == {
        "prompt_tokens": 5,
        "extra": 2,
        "completion_tokens": 22,
        "total_tokens": 27,
        "cost_usd": Decimal("0.000049"),
        "baseline_cost_usd": Decimal("0.000149"),
        "savings_usd": Decimal("0.0001"),
    }


def test_unknown_cost_is_null_and_never_zero() -> None:
    unpriced = result(cost_nano_usd=None, baseline_cost_nano_usd=None)

    usage = json.loads(rendering.chat_body(unpriced, {}))["usage"]

    assert (usage["cost_usd"], usage["savings_usd"]) == (None, None)
    assert rendering.headers(unpriced)["x-optimizer-cost-usd"] == "unknown"


def test_stream_ends_with_usage_on_its_last_chunk() -> None:
    stream = rendering.last_chunks(result(), end(), wants_usage_chunk=False)

    [last] = events(stream)
    assert stream.endswith(b"\n\ndata: [DONE]\n\n")
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["cost_usd"] == Decimal("0.000049")


def test_caller_who_asked_for_a_usage_chunk_gets_one_without_choices() -> None:
    final, summary = events(rendering.last_chunks(result(), end(), wants_usage_chunk=True))

    assert (final["choices"][0]["finish_reason"], final["usage"]) == ("stop", None)
    assert (summary["choices"], summary["usage"]["completion_tokens"]) == ([], 22)


def test_broken_stream_ends_with_an_error_and_without_done() -> None:
    error = ProviderError("interrupted", "cut", retryable=False, fallback=False, sent="yes")

    stream = rendering.stream_error(error)

    assert b"[DONE]" not in stream
    assert json.loads(stream.removeprefix(b"data: "))["error"]["code"] == "interrupted"


def test_trial_answers_are_labeled_in_headers_and_body() -> None:
    trial = result(model=specs.model(is_simulated=True))

    assert rendering.headers(trial)["x-optimizer-simulated"] == "true"
    assert json.loads(rendering.chat_body(trial, {}))["simulated"] is True


def test_text_of_an_answer_includes_the_arguments_of_its_tools() -> None:
    call = {"function": {"name": "f", "arguments": '{"a": 1}'}}
    body = {"choices": [{"message": {"content": "one", "tool_calls": [call]}}, {"message": {"content": "two"}}]}

    assert rendering.answer_text(body) == 'one\n{"a": 1}\ntwo'


@given(JSON_VALUES, JSON_VALUES, JSON_VALUES)
def test_text_of_an_answer_is_found_in_any_shape_a_provider_may_send(content: Any, calls: Any, function: Any) -> None:
    message = {"content": content, "tool_calls": calls}
    shaped = {"content": None, "tool_calls": [{"function": function}]}

    text = rendering.answer_text({"choices": [{"message": message}, {"message": shaped}]})

    assert isinstance(text, str)
