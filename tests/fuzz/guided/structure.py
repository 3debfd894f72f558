"""Changes JSON by its structure, wherever a line of an input holds some: bytes changed at random rarely stay JSON."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

import orjson

# From a bracket at the start of a line, or after a field name of server-sent events, to the end of the line.
_DOCUMENT = re.compile(rb"(?m)^(?:data: ?)?([\[{][^\n]*[\]}])\r?$")
_EVENT_END = b"\n\n"
_PLACE = "\ue000here\ue000"
# What JSON libraries do not write.
_RAW = (
    b"NaN", b"-Infinity", b"1e999", b"-0", b"1.0", b"5e-324", b"9" * 400, b"18446744073709551616",
    b"9223372036854775808", b'"\\ud800"', b'"\\u0000"', b'"\xff"', b"[" * 260 + b"]" * 260,
    b'{"a":' * 6 + b"1" + b"}" * 6,
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    10**7 + 1,
    2**53,
    0.5,
    1e308,
    "",
    "0",
    "stop",
    "a" * 300,
    [],
    {},
    [{}],
)
_BY_STRUCTURE = 0.5

Mutate = Callable[[bytes, int], bytes]


def changed(data: bytes, most_bytes: int, rng: random.Random, words: tuple[bytes, ...], by_bytes: Mutate) -> bytes:
    """Return an input with something changed: its bytes, the order of its events, or the structure of its JSON."""
    found = list(_DOCUMENT.finditer(data))
    if not found or rng.random() > _BY_STRUCTURE:
        return by_bytes(data, most_bytes)
    if data.count(_EVENT_END) > 1 and rng.random() < 0.3:
        return _reordered(data, rng)[:most_bytes]
    chosen = rng.choice(found)
    try:
        document = json.loads(chosen[1])
    except (ValueError, RecursionError):
        return by_bytes(data, most_bytes)
    start, end = chosen.span(1)
    return (data[:start] + _rewritten(document, rng, words) + data[end:])[:most_bytes]


def _reordered(data: bytes, rng: random.Random) -> bytes:
    """Leave out, double or move an event."""
    events = data.split(_EVENT_END)
    taken = events.pop(rng.randrange(len(events)))
    for _ in range(rng.choice((0, 1, 1, 2))):
        events.insert(rng.randint(0, len(events)), taken)
    return _EVENT_END.join(events)


def _rewritten(document: Any, rng: random.Random, words: tuple[bytes, ...]) -> bytes:
    raw = rng.choice(_RAW)
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change(_holders(document), rng, words)
    try:
        return orjson.dumps(document).replace(orjson.dumps(_PLACE), raw)
    except TypeError:
        return raw


def _change(holders: list[Any], rng: random.Random, words: tuple[bytes, ...]) -> None:
    holder = rng.choice(holders)
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if not keys or rng.random() < 0.3:
        _add(holder, rng, words, _value(holders, rng, words))
    elif rng.random() < 0.3:
        del holder[rng.choice(keys)]
    else:
        holder[rng.choice(keys)] = _value(holders, rng, words)


def _value(holders: list[Any], rng: random.Random, words: tuple[bytes, ...]) -> Any:
    kind = rng.randrange(4)
    if kind == 0:
        return _PLACE
    if kind == 1:
        return _word(rng, words)
    # Another part of the same document, or a list to fill: copied, because a value within itself would be no JSON.
    return json.loads(json.dumps(rng.choice(holders if kind == 2 else _VALUES)))


def _add(holder: Any, rng: random.Random, words: tuple[bytes, ...], value: Any) -> None:
    if isinstance(holder, dict):
        holder[_word(rng, words)] = value
    else:
        holder.insert(rng.randint(0, len(holder)), value)


def _word(rng: random.Random, words: tuple[bytes, ...]) -> str:
    return rng.choice(words).decode("utf-8", "replace").strip('"')


def _holders(document: Any) -> list[Any]:
    """Return every object and list within a document, itself included."""
    found = [document]
    for holder in found:
        inner = holder.values() if isinstance(holder, dict) else holder
        found.extend(each for each in inner if isinstance(each, dict | list))
    return found
