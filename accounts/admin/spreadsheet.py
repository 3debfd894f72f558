"""Values as a spreadsheet should meet them: whoever opens a CSV must not run what callers wrote."""

import csv
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

# Beyond this many rows a table is neither read nor opened in a spreadsheet.
MOST_ROWS = 50_000
_LINES_PER_CHUNK = 500
# A spreadsheet takes text that begins like this for a formula, and texts come from callers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Amount(str):
    """Dollars as people read them, which go into a spreadsheet as the number ``exact``."""

    exact: object

    def __new__(cls, shown: str, exact: object) -> "Amount":
        made = super().__new__(cls, shown)
        made.exact = exact
        return made


def cell(value: Any) -> Any:
    """Return a value for a CSV: times as ISO 8601, amounts as numbers, markup as text, no formulas."""
    if isinstance(value, Amount):
        return value.exact
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    if isinstance(value, SafeString):
        value = " ".join(strip_tags(value).split())
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip(" ").startswith(_FORMULA) else text


def response(
    request: HttpRequest, filename: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """Answer with rows as CSV, sent as they are read; ``rows`` should be an iterator that holds few of them."""
    return streamed(request, filename, "text/csv; charset=utf-8", csv_lines(columns, rows))


def streamed(request: HttpRequest, filename: str, content_type: str, lines: Iterator[str]) -> StreamingHttpResponse:
    """Answer with a file whose lines, each with its end, are sent as they are read, some hundreds at a time."""
    chunks = _chunks(lines)
    # Under ASGI Django would read an ordinary iterator to its end before it sends the first byte.
    content = _awaited(chunks) if isinstance(request, ASGIRequest) else chunks
    answer = StreamingHttpResponse(content, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer


class _Line:
    """A file that hands back what was written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield rows as the lines of a CSV, each with its end, a line of the columns' names first."""
    writer = csv.writer(_Line())
    for row in chain([columns], rows):
        yield writer.writerow([cell(value) for value in row])


def json_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield rows as JSON objects by column, each a line with its end; what JSON does not know is text."""
    for row in rows:
        yield orjson.dumps(dict(zip(columns, row, strict=True)), default=str).decode() + "\n"


def _chunks(lines: Iterator[str]) -> Iterator[str]:
    while chunk := "".join(islice(lines, _LINES_PER_CHUNK)):
        yield chunk


async def _awaited(chunks: Iterator[str]) -> AsyncIterator[str]:
    def following() -> str | None:
        return next(chunks, None)

    # In the thread of the request, which holds the connection that the rows are read from.
    while (chunk := await sync_to_async(following, thread_sensitive=True)()) is not None:
        yield chunk
