"""Chat bodies that start valid and have random JSON put in random places."""

import copy
from typing import Any

import orjson
from hypothesis import strategies as st

VALID: dict[str, Any] = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "You answer briefly."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {}}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "blue"},
        {"role": "user", "content": "Why is the sky blue?", "name": "ann"},
    ],
    "stream": False,
    "stream_options": {"include_usage": True},
    "max_tokens": 100,
    "max_completion_tokens": 100,
    "n": 1,
    "temperature": 0.5,
    "top_p": 1,
    "stop": ["END"],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "functions": [{"name": "f"}],
    "tool_choice": "auto",
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    "user": "user-1",
    "metadata": {"x-optimizer-min-quality": "0.5", "x-optimizer-max-cost-usd": 1, "task": "invoice", "other": "x"},
    "seed": 1,
}
_EDGES = [
    "",
    " ",
    "\0",
    "\r\n",
    "-1",
    "NaN",
    "1e999",
    "a" * 1000,
    "\u202e",
    "\U0001f600",
    "\ufdfa" * 20,
    "\u0301\u0316" * 9,
]
_EDGES += [
    "auto",
    "auto:",
    "auto:complexity",
    "x-optimizer-task",
    "no-store",
    "json_object",
    "image_url",
    "text",
    "user",
]
_TOKENS = [b"null", b"NaN", b"1e999", b"\\u0000", b"\\ud800", b"[[[[", b"{}", b"-", b'"', b"\xff", b"9" * 400, b"true,"]
texts = st.sampled_from(_EDGES) | st.text(max_size=30)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([0, -1, 2**53, 10**7, 10**18, 1e308, -0.0, 5e-324])
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


@st.composite
def chat_bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a valid body with one to five places replaced, added, removed or moved."""
    return mutated(draw, copy.deepcopy(VALID))


def mutated(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """Change one to five places of a document, and return it."""
    for _ in range(draw(st.integers(1, 5))):
        _mutate(draw, document)
    return document


def _mutate(draw: st.DrawFn, body: dict[str, Any]) -> None:
    holders = _holders(body)
    holder = draw(st.sampled_from(holders))
    keys = sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))
    change = draw(st.sampled_from(["replace", "add", "remove", "move"]))
    if change == "add" or not keys:
        _add(draw, holder, draw(values))
        return
    key = draw(st.sampled_from(keys))
    if change == "replace":
        holder[key] = draw(values)
    elif change == "remove":
        del holder[key]
    else:
        # A copy, because a value within itself would be no JSON.
        _add(draw, draw(st.sampled_from(holders)), copy.deepcopy(holder[key]))


def _add(draw: st.DrawFn, holder: Any, value: Any) -> None:
    if isinstance(holder, dict):
        holder[draw(texts)] = value
    else:
        holder.insert(draw(st.integers(0, len(holder))), value)


def _holders(value: Any) -> list[Any]:
    """Return the object or list and all those inside it."""
    if not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(holder for entry in inner for holder in _holders(entry))]


@st.composite
def raw_bodies(draw: st.DrawFn) -> bytes:
    """Draw the bytes of such a body, damaged here and there."""
    raw = bytearray(orjson.dumps(draw(chat_bodies())))
    for _ in range(draw(st.integers(0, 3))):
        position = draw(st.integers(0, len(raw) - 1))
        length = draw(st.integers(0, 8))
        raw[position : position + length] = draw(st.binary(max_size=8) | st.sampled_from(_TOKENS))
    return bytes(raw)
