"""Turning what a provider says of its token counts into a ``Usage`` that can be billed.

Money is computed from these numbers, so nothing is trusted: a count that is negative, fractional, no number or absurdly
large is repaired and the repair is named in ``Usage.flags``. A missing count is not zero: without both counts there is
no ``Usage`` at all and the caller estimates. An explicit zero stays zero.
"""

from collections.abc import Mapping
from typing import Any

from routing.domain.usage import Usage

MAX_TOKENS = 10_000_000
CLAMPED = "usage_clamped"
HIDDEN_OUTPUT = "usage_hidden_output"


class _Reader:
    """Reads counts and remembers whether one had to be repaired."""

    def __init__(self) -> None:
        self.flags: tuple[str, ...] = ()

    def flag(self, word: str) -> None:
        if word not in self.flags:
            self.flags = (*self.flags, word)

    def count(self, value: object) -> int:
        if value is None:
            return 0
        if type(value) is int and 0 <= value <= MAX_TOKENS:
            return value
        self.flag(CLAMPED)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            return 0
        return MAX_TOKENS if value > MAX_TOKENS else int(value)

    def part(self, value: object, whole: int) -> int:
        count = self.count(value)
        if count > whole:
            self.flag(CLAMPED)
            return whole
        return count


def read_openai(raw: object) -> Usage | None:
    """Read the ``usage`` object of a chat completion; None when it lacks either count.

    Gemini's and xAI's compatible endpoints bill thinking that ``completion_tokens`` leaves out and ``total_tokens``
    includes. What the total has beyond its parts is therefore counted as reasoning output, flagged.
    """
    if not isinstance(raw, dict) or raw.get("prompt_tokens") is None or raw.get("completion_tokens") is None:
        return None
    reader = _Reader()
    input_tokens = reader.count(raw["prompt_tokens"])
    output_tokens = reader.count(raw["completion_tokens"])
    prompt_details = _mapping(raw.get("prompt_tokens_details"))
    cached = reader.part(prompt_details.get("cached_tokens"), input_tokens)
    written = reader.part(prompt_details.get("cache_write_tokens"), input_tokens - cached)
    hidden = 0 if reader.flags else _hidden_output(raw.get("total_tokens"), input_tokens + output_tokens)
    if hidden:
        reader.flag(HIDDEN_OUTPUT)
        return Usage(input_tokens, output_tokens + hidden, cached, written, hidden, flags=reader.flags)
    completion_details = _mapping(raw.get("completion_tokens_details"))
    reasoning = reader.part(completion_details.get("reasoning_tokens"), output_tokens)
    return Usage(input_tokens, output_tokens, cached, written, reasoning, flags=reader.flags)


def read_anthropic(raw: object) -> Usage | None:
    """Read the ``usage`` object of a message; None when it lacks either count.

    The Messages API counts cached input beside ``input_tokens``; ours includes it.
    """
    if not isinstance(raw, dict) or raw.get("input_tokens") is None or raw.get("output_tokens") is None:
        return None
    reader = _Reader()
    cached = reader.count(raw.get("cache_read_input_tokens"))
    written = reader.count(raw.get("cache_creation_input_tokens"))
    input_tokens = reader.count(raw["input_tokens"]) + cached + written
    output_tokens = reader.count(raw["output_tokens"])
    reasoning = reader.part(_mapping(raw.get("output_tokens_details")).get("thinking_tokens"), output_tokens)
    return Usage(input_tokens, output_tokens, cached, written, reasoning, flags=reader.flags)


def as_openai(usage: Usage) -> dict[str, Any]:
    """Write token counts in the shape of a chat completion's ``usage``."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _hidden_output(total: object, visible: int) -> int:
    return total - visible if type(total) is int and visible < total <= MAX_TOKENS else 0


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
