"""Telemetry events as CSV or JSON lines, sent as they are read, so that an export of any length takes little memory."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from django.http import HttpRequest, StreamingHttpResponse

from accounts.admin import spreadsheet
from feedback.models import MetricEvent

COLUMNS = ("id", "type", "team", "user_id", "timestamp", "received_at", "data")


def response(request: HttpRequest, events: Iterable[MetricEvent], form: str) -> StreamingHttpResponse:
    """Answer with the events; ``form`` is ``csv`` or ``jsonl``."""
    if form == "csv":
        rows = ([*_values(event), orjson.dumps(event.data).decode()] for event in events)
        return spreadsheet.response(request, "metrics.csv", COLUMNS, rows)
    return spreadsheet.streamed(request, "metrics.jsonl", "application/x-ndjson", _json_lines(events))


def _json_lines(events: Iterable[MetricEvent]) -> Iterator[str]:
    for event in events:
        yield orjson.dumps(dict(zip(COLUMNS, [*_values(event), event.data], strict=True))).decode() + "\n"


def _values(event: MetricEvent) -> list[Any]:
    return [event.id, event.type, event.team.slug, event.user_id, event.occurred_at, event.received_at]
