"""What subcommands write with: text for people, JSON for programs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from routing.domain.pricing import from_nano_usd


class Stream(Protocol):
    """What Django's OutputWrapper and any open text file offer."""

    def write(self, text: str, /) -> Any: ...

    def flush(self) -> None: ...

    def isatty(self) -> bool: ...


@dataclass(frozen=True)
class Console:
    """Standard output of one command."""

    stream: Stream

    def line(self, text: str = "") -> None:
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def json(self, data: Any) -> None:
        """Write one indented JSON document; decimals and dates become strings."""
        self.line(orjson.dumps(data, default=str, option=orjson.OPT_INDENT_2).decode())

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write aligned columns; a cell of None shows as a dash."""
        cells = [tuple(headers), *(tuple("-" if cell is None else str(cell) for cell in row) for row in rows)]
        widths = [max(len(row[index]) for row in cells) for index in range(len(headers))]
        for row in cells:
            self.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def frame(self, lines: Sequence[str]) -> None:
        """Write the lines in a box."""
        width = max(map(len, lines))
        self.line(f"┌─{'─' * width}─┐")
        for text in lines:
            self.line(f"│ {text.ljust(width)} │")
        self.line(f"└─{'─' * width}─┘")


def format_usd(nano_usd: int | None) -> str | None:
    """Return the exact amount in dollars, with two decimals at least: 25.00, 0.000125; None stays None."""
    if nano_usd is None:
        return None
    whole, _, decimals = f"{from_nano_usd(nano_usd):f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
