"""Reads JSON bodies that come from strangers: whatever is sent, the answer is a 4xx that says what is wrong."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 64


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "too_large"


class StrictJSONParser(BaseParser):
    """Parses RFC 8259 JSON within ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes and ``MAX_DEPTH`` levels.

    NaN, Infinity, invalid UTF-8 and lone surrogates are not JSON and refused by orjson; the character NUL is, but
    PostgreSQL cannot store it.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(f"The request body is larger than {limit} bytes.")
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The request body is not valid JSON: {error}.") from error
        _refuse_unstorable(data)
        return data


def _refuse_unstorable(data: Any) -> None:
    """Walk the value without recursion, so that its depth cannot exhaust the stack."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                if "\0" in value:
                    raise ParseError("The request body contains the character NUL (\\u0000), which cannot be stored.")
            elif isinstance(value, dict):
                below.extend(value.keys())
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return
        level = below
    raise ParseError(f"The request body is nested deeper than {MAX_DEPTH} levels.")
