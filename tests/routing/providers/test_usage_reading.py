import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.domain.usage import Usage
from routing.providers import usage_reading

CLAMPED = ("usage_clamped",)


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (None, None),
        ({}, None),
        ("12", None),
        ({"prompt_tokens": 3}, None),
        ({"prompt_tokens": None, "completion_tokens": 4}, None),
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(3, 4)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0)),
        ({"prompt_tokens": -3, "completion_tokens": 4}, Usage(0, 4, flags=CLAMPED)),
        ({"prompt_tokens": "3", "completion_tokens": 4}, Usage(0, 4, flags=CLAMPED)),
        ({"prompt_tokens": True, "completion_tokens": 4}, Usage(0, 4, flags=CLAMPED)),
        ({"prompt_tokens": [3], "completion_tokens": 4}, Usage(0, 4, flags=CLAMPED)),
        ({"prompt_tokens": 3.7, "completion_tokens": 4}, Usage(3, 4, flags=CLAMPED)),
        ({"prompt_tokens": math.nan, "completion_tokens": 4}, Usage(0, 4, flags=CLAMPED)),
        ({"prompt_tokens": math.inf, "completion_tokens": 4}, Usage(10_000_000, 4, flags=CLAMPED)),
        ({"prompt_tokens": 2**63, "completion_tokens": 4}, Usage(10_000_000, 4, flags=CLAMPED)),
        ({"prompt_tokens": 10_000_000, "completion_tokens": 4}, Usage(10_000_000, 4)),
        (
            {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}},
            Usage(3, 4, cached_input_tokens=3, flags=CLAMPED),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
            Usage(9, 4, 5, 2, 1),
        ),
        (
            {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": None, "completion_tokens_details": 1},
            Usage(3, 4),
        ),
        # Gemini: 120 tokens of thinking are in the total and in nothing else.
        (
            {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 127},
            Usage(3, 124, reasoning_tokens=120, flags=("usage_hidden_output",)),
        ),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 5}, Usage(3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 2**63}, Usage(3, 4)),
    ],
)
def test_openai_usage_is_read(raw: Any, usage: Usage | None) -> None:
    assert usage_reading.read_openai(raw) == usage


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"input_tokens": 3}, None),
        ({"input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
        (
            {
                "input_tokens": 3,
                "output_tokens": 4,
                "cache_read_input_tokens": 10,
                "cache_creation_input_tokens": 100,
                "output_tokens_details": {"thinking_tokens": 2},
            },
            Usage(113, 4, 10, 100, 2),
        ),
        ({"input_tokens": 3, "output_tokens": -4}, Usage(3, 0, flags=CLAMPED)),
    ],
)
def test_anthropic_usage_is_read(raw: Any, usage: Usage | None) -> None:
    assert usage_reading.read_anthropic(raw) == usage


_COUNTS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))
_DETAILS = st.one_of(
    _COUNTS,
    st.dictionaries(st.sampled_from(["cached_tokens", "cache_write_tokens", "reasoning_tokens"]), _COUNTS),
)
_NAMES = ["prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"]


@settings(deadline=None)
@given(st.fixed_dictionaries({"prompt_tokens": _COUNTS, "completion_tokens": _COUNTS}), st.data())
def test_whatever_is_said_parts_stay_within_their_whole(raw: dict[str, Any], data: st.DataObject) -> None:
    raw |= data.draw(st.dictionaries(st.sampled_from(_NAMES[2:]), _DETAILS))
    usage = usage_reading.read_openai(raw) or Usage()

    assert 0 <= usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens <= 10_000_000
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens <= 20_000_000
