"""Reading JSON that providers send, including what strict parsers refuse."""

import json
import re
from typing import Any

import orjson

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_LONGEST_EXACT_INTEGER = 18
_BRACKETS_NEVER_TOO_DEEP = 200


class Undecodable(ValueError):
    """These bytes are not JSON."""


def decode(raw: bytes) -> Any:
    """Parse JSON, tolerating NaN, infinities and lone surrogates.

    Some servers write NaN into their usage or cut a surrogate pair in two. An answer that was paid for is not thrown
    away over that: NaN stays a float (orjson writes it back as null), a lone surrogate becomes U+FFFD.

    Raises:
        Undecodable: for everything else that is no JSON, and for what nests deeper than can be written back.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = _decode_tolerantly(raw)
    if raw.count(b"[") + raw.count(b"{") > _BRACKETS_NEVER_TOO_DEEP:
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    """Write it back, within more levels than an answer of ours puts around what a provider sent."""
    try:
        orjson.dumps([[[[value]]]])
    except orjson.JSONEncodeError as exc:
        raise Undecodable("nested too deeply") from exc


def _decode_tolerantly(raw: bytes) -> Any:
    try:
        return _repaired(json.loads(raw.decode("utf-8", "replace"), parse_int=_integer))
    except (ValueError, RecursionError) as exc:
        raise Undecodable("not JSON") from exc


def _integer(digits: str) -> int | float:
    """Integers past 64 bits become floats, as in orjson; it could not write them back otherwise."""
    return int(digits) if len(digits) <= _LONGEST_EXACT_INTEGER else float(digits)


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    return value
