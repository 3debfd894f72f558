"""JSON as the API writes it: money is a JSON number with exactly the digits of its Decimal, never a rounded float."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import JSONRenderer


def dump_json(data: Any) -> bytes:
    """Encode ``data``; a Decimal becomes a plain number without exponent or trailing zeros."""
    return orjson.dumps(data, default=_encode, option=orjson.OPT_NON_STR_KEYS)


class ExactJSONRenderer(JSONRenderer):
    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else dump_json(data)


def _encode(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value.normalize(), "f")) if value.is_finite() else None
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form.")
