"""What the fake provider answers and counts, before any wire protocol is applied."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_TEXT = (
    "This is what a helpful model might write when it is asked a question that takes about twenty words to answer"
)
NUL_TEXT = "before\x00after"
SURROGATE_TEXT = "before\ud83dafter"
# Of thirteen megabytes, more than the system keeps for one connection, in no more words than a short answer has.
LONG_TEXT = " ".join(["x" * 65_536] * 200)


@dataclass(frozen=True)
class Asked:
    """The parts of a request that decide the answer, whichever protocol they came in."""

    model: str
    is_stream: bool
    prompt: str
    last_user_text: str
    max_tokens: int | None
    tools: tuple[tuple[str, Mapping[str, Any]], ...]
    forced_tool: str | None
    has_tool_result: bool
    json_schema: Mapping[str, Any] | None
    choices: int
    wants_stream_usage: bool


@dataclass(frozen=True)
class Counts:
    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Reply:
    """``report`` distorts the usage that is sent; ``counts`` stay what they are."""

    id: str
    model: str
    text: str
    tool: tuple[str, dict[str, Any]] | None
    counts: Counts
    report: Callable[[dict[str, Any]], dict[str, Any] | None]
    is_cut_short: bool
    choices: int


def reply_to(asked: Asked, fault: str, completion_text: str, attempt_id: str) -> Reply:
    """A prompt token is four characters, a completion token one word; both at least 1."""
    words = _text(asked, fault, completion_text).split(" ")
    limit = asked.max_tokens or len(words)
    text = " ".join(words[:limit])
    completion = min(limit, len(words)) * asked.choices
    prompt = max(1, math.ceil(len(asked.prompt) / 4))
    has_details = fault == "details"
    return Reply(
        id=f"fake-{attempt_id}",
        model=asked.model,
        text=text,
        tool=_tool(asked, fault),
        counts=Counts(prompt, completion, prompt // 2 if has_details else 0, completion // 2 if has_details else 0),
        report=REPORTS.get(fault, lambda usage: usage),
        is_cut_short=limit < len(words),
        choices=asked.choices,
    )


def _text(asked: Asked, fault: str, completion_text: str) -> str:
    if fault == "echo":
        return asked.last_user_text
    if fault == "json":
        return json.dumps(_filled(asked.json_schema or {}))
    texts = {"nul_text": NUL_TEXT, "surrogate_text": SURROGATE_TEXT, "long_text": LONG_TEXT}
    return texts.get(fault, f"{asked.model}: {completion_text}")


def _tool(asked: Asked, fault: str) -> tuple[str, dict[str, Any]] | None:
    tools = dict(asked.tools)
    wants_tool = fault == "tools" and not asked.has_tool_result
    if not tools or not (wants_tool or asked.forced_tool):
        return None
    name = asked.forced_tool or next(iter(tools))
    return name, _filled(tools[name])


def _filled(schema: Mapping[str, Any]) -> dict[str, Any]:
    values = {"string": "value", "integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}}
    properties = schema.get("properties") or {"answer": {"type": "string"}}
    return {name: values.get(property.get("type")) for name, property in properties.items()}


def _all_counts(value: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def distorted(usage: dict[str, Any]) -> dict[str, Any]:
        return {name: distorted(count) if isinstance(count, dict) else value for name, count in usage.items()}

    return distorted


REPORTS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    "missing_usage": lambda _usage: None,
    "zero_usage": _all_counts(0),
    "negative_usage": _all_counts(-5),
    "huge_usage": _all_counts(2**63),
    "nan_usage": _all_counts(math.nan),
}
