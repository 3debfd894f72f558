"""Reads JSON of any size row by row: JSON lines, lists, and answers of APIs that hold their rows in a list.

Only one row is in memory at a time. Numbers with a fraction are Decimals, as the file has them.
"""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from insights.domain.usage_logs.record import Unreadable

# Prompts with pictures take some megabytes; what is longer is no row.
LONGEST_ROW = 32 * 1024 * 1024
# An integer of more digits than this is no count, and as a Decimal it costs no time.
_LONGEST_INTEGER = 30
# A value that breaks off at the end of the buffer may go on; further from it, it is wrong.
_NEAR_THE_END = 16
_BEHIND_A_NUMBER = 2

Numbered = tuple[int, Any]
"""A row with the number of the line at which it begins; an ``Unreadable`` in its place says what is wrong with it."""


class Broken(Exception):
    """Where a document is no JSON, nothing says where the next row begins: reading ends there."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def lines(pieces: Iterable[str]) -> Iterator[Numbered]:
    """Yield the rows of JSON lines. One that is no JSON spoils only itself.

    Args:
        pieces: Lines with their ends; one that is longer than ``LONGEST_ROW`` comes in several pieces.
    """
    number, is_rest = 1, False
    for piece in pieces:
        ended = piece.endswith(("\n", "\r"))
        if is_rest or (not ended and len(piece) >= LONGEST_ROW):
            if not is_rest:
                yield number, Unreadable(f"longer than {LONGEST_ROW // 1024**2} MiB")
            is_rest = not ended
        elif not piece.isspace():
            yield number, _decoded(piece)
        number += ended


def rows(chunks: Iterable[str]) -> Iterator[Numbered]:
    """Yield the rows of a document: the elements of lists, and of lists that objects hold as ``data``.

    Any number of documents may follow one another, as when the pages of an answer are appended to one file.

    Raises:
        Broken: The document ends in the middle, or is no JSON from some line on.
    """
    document = _Document(chunks)
    while char := document.peek():
        if char == "[":
            yield from _elements(document)
        elif char == "{":
            yield from _members(document)
        else:
            raise Broken(document.line, f"not JSON: {char!a} where a row should begin")


class _Document:
    """The text from where it has been read to, filled up as needed."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self.line = 1
        self._chunks = iter(chunks)
        self._text = ""
        self._at = 0

    def peek(self) -> str:
        """Return the next character that is no white space, empty at the end."""
        while True:
            rest = self._text[self._at : self._at + 1]
            if rest and rest not in " \t\r\n\ufeff\x1e":
                return rest
            if rest:
                self.skip()
            elif not self._fill(1):
                return ""

    def skip(self) -> None:
        """Go past one character."""
        self.line += self._text[self._at] == "\n"
        self._at += 1

    def value(self) -> Any:
        """Return the value that begins here. Raises Broken where it is none, or longer than ``LONGEST_ROW``."""
        self.peek()
        while True:
            held = len(self._text) - self._at
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                self._go_on(error, held)
                continue
            except RecursionError:
                raise Broken(self.line, "nested too deeply") from None
            # A number at the end of what is held may go on: by a digit, or after the "." or "e+" behind it.
            if len(self._text) - end <= _BEHIND_A_NUMBER:
                length = end - self._at
                if self._fill(held):
                    continue
                # What is held begins with the value now.
                end = self._at + length
            self.line += self._text.count("\n", self._at, end)
            self._at = end
            return value

    def _go_on(self, error: json.JSONDecodeError, held: int) -> None:
        """Get more of a value that has only begun; raise Broken where more would not help."""
        may_go_on = error.msg.startswith("Unterminated") or error.pos >= len(self._text) - _NEAR_THE_END
        if not may_go_on:
            line = self.line + self._text.count("\n", self._at, error.pos)
            raise Broken(line, f"not JSON: {error.msg}") from None
        if held > LONGEST_ROW:
            raise Broken(self.line, f"a row longer than {LONGEST_ROW // 1024**2} MiB") from None
        if not self._fill(held):
            raise Broken(self.line, "the file ends in the middle of a row") from None

    def _fill(self, wanted: int) -> bool:
        """Append at least so many characters; doubling what is held keeps the work linear. False at the end."""
        parts = [self._text[self._at :]]
        got = 0
        for chunk in self._chunks:
            parts.append(chunk)
            got += len(chunk)
            if got >= wanted:
                break
        self._text, self._at = "".join(parts), 0
        return got > 0


def _elements(document: _Document) -> Iterator[Numbered]:
    document.skip()
    while (char := document.peek()) != "]":
        if not char:
            raise Broken(document.line, "the file ends in the middle of a list")
        if char == ",":
            document.skip()
        else:
            line = document.line
            value = document.value()
            yield from _unfolded(line, value)
    document.skip()


def _members(document: _Document) -> Iterator[Numbered]:
    """Yield the elements of an object's list of data, or else the object itself."""
    line, held, has_rows = document.line, {}, False
    document.skip()
    while (char := document.peek()) != "}":
        if not char:
            raise Broken(document.line, "the file ends in the middle of an object")
        if char == ",":
            document.skip()
            continue
        key = document.value()
        if document.peek() != ":" or not isinstance(key, str):
            raise Broken(document.line, "not JSON: a name without a value")
        document.skip()
        if document.peek() == "[" and _holds_rows(key):
            has_rows = True
            yield from _elements(document)
        else:
            held[key] = document.value()
    document.skip()
    if not has_rows:
        yield line, held


def _unfolded(line: int, value: Any) -> Iterator[Numbered]:
    """Yield a row, or those of a page that is itself an element of a list."""
    if isinstance(value, dict) and "request_id" not in value and isinstance(value.get("data"), list):
        for row in value["data"]:
            yield line, row
    else:
        yield line, value


def _holds_rows(key: str) -> bool:
    # OpenAI's answers until 2024 hold pictures and speech beside "data", as dalle_api_data and the like.
    return key == "data" or key.endswith("_api_data")


def _decoded(line: str) -> Any:
    try:
        return _DECODER.decode(line)
    except (json.JSONDecodeError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        return Unreadable(f"not JSON: {reason}")


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < _LONGEST_INTEGER else Decimal(digits)


def _decimal(number: str) -> Decimal:
    try:
        return Decimal(number)
    except InvalidOperation:
        return Decimal("NaN")


# Line breaks inside of texts are no JSON, but some exports have them, and they do no harm.
_DECODER = json.JSONDecoder(parse_float=_decimal, parse_int=_integer, parse_constant=_decimal, strict=False)
