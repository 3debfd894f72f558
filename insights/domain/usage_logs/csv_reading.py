"""Reads CSV of any size row by row."""

import csv
from collections.abc import Iterable, Iterator

from insights.domain.usage_logs.json_reading import LONGEST_ROW, Numbered
from insights.domain.usage_logs.record import Unreadable

# Spreadsheets write semicolons where the comma is for decimals.
_DELIMITERS = (",", ";", "\t")
# Characters; no row of names is as long. The limit of Python's reader is the whole process's, and not always the same.
_LONGEST_HEADER = 131_072


def header(first_line: str) -> tuple[list[str], str]:
    """Return the names of the columns in lower case, and what separates them: what makes the most columns.

    A line that is no CSV, or longer than any row of names, has none.
    """
    if len(first_line) > _LONGEST_HEADER:
        return [], _DELIMITERS[0]
    found = {each: _cells(first_line, each) for each in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda each: len(found[each]))
    return [name.strip().lower() for name in found[delimiter]], delimiter


def rows(pieces: Iterable[str], delimiter: str) -> Iterator[Numbered]:
    """Yield the rows below the header, each as its cells by column; empty lines are none.

    Args:
        pieces: Lines with their ends; one that is longer than ``LONGEST_ROW`` comes in several pieces.
    """
    usual = csv.field_size_limit(LONGEST_ROW)
    try:
        reader = csv.reader(pieces, delimiter=delimiter)
        try:
            names = [name.strip().lower() for name in next(reader, [])]
        except csv.Error as error:
            yield 1, Unreadable(f"not CSV: {error}")
            return
        while True:
            begins = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield begins, Unreadable(f"not CSV: {error}")
                continue
            if cells is None:
                return
            yield from ((begins, row) for row in _row(names, cells))
    finally:
        csv.field_size_limit(usual)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _row(names: list[str], cells: list[str]) -> list[dict[str, str] | Unreadable]:
    if not cells:
        return []
    if len(cells) != len(names):
        return [Unreadable(f"it has {len(cells)} columns, and the header {len(names)}")]
    return [dict(zip(names, cells, strict=True))]
