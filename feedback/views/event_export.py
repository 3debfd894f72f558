"""Telemetry events as CSV or JSON lines, sent as they are read, so that an export of any length takes little memory."""

import csv
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from accounts.admin.spreadsheet import cell
from feedback.models import MetricEvent

COLUMNS = ("id", "type", "team", "user_id", "timestamp", "received_at", "data")
_CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_LINES_A_CHUNK = 500


def response(request: HttpRequest, events: Iterable[MetricEvent], form: str) -> StreamingHttpResponse:
    """Answer with the events; ``form`` is ``csv`` or ``jsonl``."""
    chunks = _chunks(_csv(events) if form == "csv" else _json_lines(events))
    # Under ASGI Django would read an ordinary iterator to its end before it sends the first byte.
    streamed = _awaited(chunks) if isinstance(request, ASGIRequest) else chunks
    answer = StreamingHttpResponse(streamed, content_type=_CONTENT_TYPES[form])
    answer["Content-Disposition"] = f'attachment; filename="metrics.{form}"'
    return answer


def _csv(events: Iterable[MetricEvent]) -> Iterator[bytes]:
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for event in events:
        values = [*_values(event), orjson.dumps(event.data).decode()]
        yield writer.writerow([cell(value) for value in values])


def _json_lines(events: Iterable[MetricEvent]) -> Iterator[bytes]:
    for event in events:
        yield orjson.dumps(dict(zip(COLUMNS, [*_values(event), event.data], strict=True))) + b"\n"


def _values(event: MetricEvent) -> list[Any]:
    return [event.id, event.type, event.team.slug, event.user_id, event.occurred_at, event.received_at]


def _chunks(lines: Iterator[bytes]) -> Iterator[bytes]:
    while chunk := b"".join(islice(lines, _LINES_A_CHUNK)):
        yield chunk


async def _awaited(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(lambda: next(chunks, None), thread_sensitive=True)
    while (chunk := await following()) is not None:
        yield chunk


class _Line:
    """A file that hands back what was written to it."""

    def write(self, text: str) -> bytes:
        return text.encode()
