"""One spelling per JSON value, so that equal requests have equal bytes."""

import json
from typing import Any

import orjson

# Begins what the slower encoder wrote: no JSON text starts with it, so the two encoders cannot collide.
_ESCAPED = b"\x00"


class TooDeeplyNested(ValueError):
    """The value is nested deeper than the encoder supports (about 250 levels)."""

    def __init__(self) -> None:
        super().__init__("The request is nested more than 250 levels deep; send it with less nesting.")


def encode(value: Any) -> bytes:
    """Encode a JSON value with sorted keys and no spaces; different values give different bytes.

    Lone surrogates and integers beyond 64 bits, which UTF-8 and the fast encoder cannot hold, are written escaped.

    Raises:
        TooDeeplyNested: The value has more levels than any sensible request.
        TypeError: The value is not JSON.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        if "Recursion" in str(error):
            raise TooDeeplyNested from error
    try:
        return _ESCAPED + json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
    except RecursionError as error:
        raise TooDeeplyNested from error
