"""Takes a file of outcomes as the body of a request, unread."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser


class FileTooLarge(APIException):
    status_code = 413
    default_code = "too_large"


class CsvParser(BaseParser):
    """Returns the bytes, at most ``DATA_UPLOAD_MAX_MEMORY_SIZE`` of them; larger files are for the command."""

    media_type = "text/csv"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise FileTooLarge(
                f"The file is larger than {limit} bytes: import it with manage.py optimizer outcomes import FILE."
            )
        return body


class JsonLinesParser(CsvParser):
    media_type = "application/x-ndjson"
