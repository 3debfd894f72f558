"""Half a megabyte and a megabyte of hostile text, timed in the same run: twice the text may not cost four times."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from routing.domain import complexity, patterns, prompt_features, tokens
from routing.domain.normalization import normalized_request

HALF, WHOLE = 500_000, 1_000_000
# Measured on the processor, whatever else it does meanwhile; what is under this is noise, not a sign of growth.
_NOISE_SECONDS = 0.02

HOSTILE = {
    "one word": "a",
    "spaces": " \t",
    "line feeds": "\n",
    "carriage returns": "\r\n",
    "brackets": "(((",
    "code": "{;\n",
    "fences": "```",
    "list items": "1. a\n",
    "questions": "?",
    "keywords": "prove python poem ",
    "ideographs": "漢字",
    "emoji": "😀",
    "combining marks": "\u0301\u0323",
    "letters with thirty marks": "a" + "\u0301\u0323" * 15,
    "nul": "\x00",
    "surrogates": "\ud800",
    "regex bomb": "aaaaaaaaaaaaaaaaaaaaaaaaaaa! ",
}


def body(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "classify": patterns.classify,
    "score": complexity.score,
    "count": tokens.count,
    "extract": lambda text: prompt_features.extract(body(text), task=None),
    "normalize": lambda text: normalized_request(body(text), model_or_strategy="auto"),
}


def fastest_of_three(function: Callable[[str], object], text: str) -> float:
    durations = []
    for _ in range(3):
        started = time.thread_time()
        function(text)
        durations.append(time.thread_time() - started)
    return min(durations)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_twice_the_text_costs_less_than_four_times(name: str, kind: str) -> None:
    piece, function = HOSTILE[kind], FUNCTIONS[name]
    half = fastest_of_three(function, piece * (HALF // len(piece)))
    whole = fastest_of_three(function, piece * (WHOLE // len(piece)))
    assert whole < 4 * half + _NOISE_SECONDS


@pytest.mark.parametrize("parts_per_message", [1, 1_000])
def test_twice_the_messages_cost_less_than_four_times(parts_per_message: int) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "hello"}] * parts_per_message}

    def extract(count: int) -> float:
        messages = [message] * (count // parts_per_message)
        started = time.thread_time()
        prompt_features.extract({"messages": messages}, task=None)
        return time.thread_time() - started

    assert extract(20_000) < 4 * extract(10_000) + _NOISE_SECONDS
