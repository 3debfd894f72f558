"""Telemetry events as CSV or JSON lines, sent as they are read, so that an export of any length takes little memory."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from accounts.admin import spreadsheet
from feedback.models import MetricEvent

COLUMNS = ("id", "type", "team", "user_id", "timestamp", "received_at", "data")


def response(request: HttpRequest, events: Iterable[MetricEvent], form: str) -> StreamingHttpResponse:
    """Answer with the events; ``form`` is ``csv`` or ``jsonl``."""
    rows = map(values, events)
    if form == "csv":
        return spreadsheet.response(request, "metrics.csv", COLUMNS, rows)
    lines = spreadsheet.json_lines(COLUMNS, rows)
    return spreadsheet.streamed(request, "metrics.jsonl", "application/x-ndjson", lines)


def values(event: MetricEvent) -> list[Any]:
    """Return what is told of an event, in the order of the columns."""
    return [
        event.id,
        event.type,
        event.team.slug,
        event.user_id,
        event.occurred_at,
        event.received_at,
        event.data,
    ]
