"""The formats that can be read, and how each is known by its content."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from insights.domain.usage_logs import csv_reading, json_reading, litellm, openai_costs, openai_usage
from insights.domain.usage_logs.cells import Record
from insights.domain.usage_logs.json_reading import Numbered
from insights.domain.usage_logs.record import LoggedUsage, Unreadable

# How many rows of a sample are looked at: the first may be damaged.
_LOOKED_AT = 20
# Where the first row is longer than the sample, the names of its members are still to be seen.
_MEMBER = re.compile(r'"(\w{1,40})"\s*:')
# As files are read by lines: some spreadsheets end them with a carriage return alone.
_LINE_END = re.compile(r"[\r\n]")
_SUMMARY = frozenset({"starttime", "spend", "models", "users"})
_EMPTY_EXPORT = frozenset({"start_time", "end_time", "start_time_iso", "end_time_iso"})


class UnknownFormat(Exception):
    """The content is none that can be read; the message says what can, and where to get it."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format: known by ``columns`` (any one of the sets, in lower case), and read row by row.

    ``has_requests``: whether each row is one request, so that their sizes are known.
    """

    name: str
    title: str
    columns: tuple[frozenset[str], ...]
    read: Callable[[Record], LoggedUsage | None]
    has_requests: bool = False

    def matches(self, names: Iterable[str]) -> bool:
        present = frozenset(names)
        return any(columns <= present for columns in self.columns)


FORMATS = (
    Format(
        "litellm",
        "LiteLLM spend logs",
        (frozenset({"request_id", "starttime", "prompt_tokens"}), frozenset({"request_id", "starttime", "spend"})),
        litellm.read,
        has_requests=True,
    ),
    Format(
        "openai-usage",
        "OpenAI usage",
        (frozenset({"start_time", "input_tokens"}), frozenset({"start_time_iso", "input_tokens"})),
        openai_usage.read,
    ),
    Format(
        "openai-costs",
        "OpenAI costs",
        (
            frozenset({"start_time", "amount_value"}),
            frozenset({"start_time", "amount"}),
            frozenset({"cost_in_major", "name"}),
        ),
        openai_costs.read,
    ),
    Format(
        "openai-legacy",
        "OpenAI usage (until 2024)",
        (frozenset({"n_context_tokens_total"}),),
        openai_usage.read_legacy,
    ),
)
BY_NAME: Mapping[str, Format] = {each.name: each for each in FORMATS}
_READABLE = (
    "Readable are LiteLLM's table LiteLLM_SpendLogs (CSV, or /spend/logs?summarize=false as JSON or JSON lines), and "
    "OpenAI's usage and costs (the JSON of /v1/organization/usage/completions or /v1/organization/costs, or the CSV "
    "that Export on platform.openai.com/usage gives)."
)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file is: its format, and how its rows stand in it (``csv``, ``lines`` or ``document``)."""

    format: Format
    container: str
    delimiter: str = ","


def recognize(sample: str, named: str | None = None) -> Layout:
    """Tell what a file is by its beginning.

    Args:
        sample: The first characters of it, some lines at least.
        named: The format, where it need not be guessed.

    Raises:
        UnknownFormat: It is none of those that can be read.
    """
    beginning = sample.lstrip("\ufeff \t\r\n\x1e")
    if not beginning:
        raise UnknownFormat(f"The file is empty. {_READABLE}")
    if beginning[0] not in "[{":
        return _csv(beginning, named)
    container = "lines" if _is_lines(beginning) else "document"
    names = [_names(row) for row in _first_rows(beginning, container)]
    if not any(names):
        names = [[name.lower() for name in _MEMBER.findall(beginning)]]
    return Layout(_format(names, named), container)


def rows(layout: Layout, pieces: Iterable[str], chunks: Iterable[str]) -> Iterator[Numbered]:
    """Yield the rows of a file with their lines, each as its values by name, or ``Unreadable``.

    Args:
        pieces: The file by lines, for CSV and JSON lines.
        chunks: The file by chunks, for other JSON.

    Raises:
        json_reading.Broken: JSON breaks off where nothing says where the next row begins.
    """
    if layout.container == "csv":
        yield from csv_reading.rows(pieces, layout.delimiter)
        return
    found = json_reading.lines(pieces) if layout.container == "lines" else json_reading.rows(chunks)
    for line, row in found:
        for each in _unfolded(row):
            yield line, each


def _csv(beginning: str, named: str | None) -> Layout:
    names, delimiter = csv_reading.header(_LINE_END.split(beginning, maxsplit=1)[0])
    return Layout(_format([names], named), "csv", delimiter)


def _is_lines(beginning: str) -> bool:
    """Tell whether lines are rows: at least half of the first ones are whole, as in no list that has brackets."""
    if beginning[0] == "[":
        return False
    found = [row for _, row in json_reading.lines(beginning.splitlines(keepends=True)[:_LOOKED_AT])]
    whole = [row for row in found if isinstance(row, dict) and "data" not in row]
    return len(whole) * 2 >= len(found) > 0


def _first_rows(beginning: str, container: str) -> Iterator[Any]:
    found = json_reading.rows([beginning])
    if container == "lines":
        found = json_reading.lines(beginning.splitlines(keepends=True))
    try:
        for place, (_, row) in enumerate(found):
            if place == _LOOKED_AT:
                return
            yield from _unfolded(row)
    except json_reading.Broken:
        # The sample ends in the middle of a row, as samples do.
        return


def _unfolded(row: Any) -> Iterator[Any]:
    """Yield a row, or those that a bucket of OpenAI's API holds; what is no object is no row."""
    held = openai_usage.results(row) if isinstance(row, dict) else None
    for each in [row] if held is None else held:
        yield each if isinstance(each, dict | Unreadable) else Unreadable("not an object")


def _names(row: Any) -> list[str]:
    return [name.lower() for name in row] if isinstance(row, dict) else []


def _format(rows_of_names: list[list[str]], named: str | None) -> Format:
    if named is not None:
        return BY_NAME[named]
    for names in rows_of_names:
        for each in FORMATS:
            if each.matches(names):
                return each
    raise UnknownFormat(_explain(rows_of_names))


def _explain(rows_of_names: list[list[str]]) -> str:
    first = next((names for names in rows_of_names if names), [])
    if frozenset(first) >= _SUMMARY:
        return (
            "These are LiteLLM's sums by day, without tokens. Ask for the single requests: "
            "/spend/logs?start_date=…&end_date=…&summarize=false"
        )
    if frozenset(first) == _EMPTY_EXPORT:
        return "This export has no usage in it: choose a span of time on platform.openai.com/usage in which there was."
    shown = ", ".join(ascii(name[:40]) for name in first[:12])
    found = f"Its columns are {shown}." if first else "It has no rows that could be read."
    return f"This is no usage log that can be read. {found} {_READABLE}"
