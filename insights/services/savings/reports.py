"""Makes the report on a log that another product wrote. Nothing is written to the database."""

import difflib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from insights.domain.savings import report
from insights.domain.savings.figures import Report
from insights.domain.savings.price_book import Alias, PriceBook, PricedModel
from insights.domain.savings.tally import Selection, Tally
from insights.domain.usage_logs import formats
from insights.domain.usage_logs.formats import Layout
from insights.domain.usage_logs.json_reading import Broken
from insights.domain.usage_logs.record import Unreadable
from insights.selectors import price_book
from insights.services.savings.log_file import BrokenOff, LogFile
from routing.models import ModelPrice, Provider
from routing.services import price_library

# So many unreadable rows are named, each with its line; of all the number is told.
_MOST_NAMED = 20
_ROWS_PER_STEP = 1_000

Progress = Callable[[int], None]
"""Is told how many bytes have been read."""


class NothingToCompareWith(Exception):
    """The catalog has no model with a price; the message names the cure."""


class UnknownModel(Exception):
    """The baseline is no model of the catalog; the message names the cure."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the report is to be about; ``format_name`` and ``baseline`` are None where they are not given."""

    path: Path
    selection: Selection = field(default_factory=Selection)
    format_name: str | None = None
    baseline: str | None = None
    providers: Sequence[str] = ()


@dataclass(slots=True)
class Reading:
    """How the file was read: rows in it, empty spans of time, and what could not be read.

    ``unread`` are lines with the reason; ``broken`` says where reading ended before the file did.
    """

    layout: Layout
    rows: int = 0
    empty: int = 0
    unreadable: int = 0
    unread: list[tuple[int, str]] = field(default_factory=list)
    broken: tuple[int, str] | None = None

    def note(self, line: int, reason: str) -> None:
        self.unreadable += 1
        if len(self.unread) < _MOST_NAMED:
            self.unread.append((line, reason))


@dataclass(frozen=True, slots=True)
class SavingsReport:
    """The report with how its file was read, and the prices it was computed with."""

    file_name: str
    file_bytes: int
    asked: Asked
    reading: Reading
    figures: Report
    candidates: int
    price_sources: tuple[str, ...]


def make(asked: Asked, progress: Progress = lambda _bytes: None) -> SavingsReport:
    """Read a log and compare it with the catalog.

    Args:
        progress: Is told of every thousandth row.

    Raises:
        CannotRead: The file is not there or may not be read.
        UnknownFormat: Its content is none of the formats that can be read.
        NothingToCompareWith: There are no models with prices.
        UnknownModel: The baseline is not in the catalog.
    """
    book = _book(asked)
    baseline = _baseline(book, asked.baseline)
    with LogFile(asked.path) as file:
        layout = formats.recognize(file.sample(), asked.format_name)
        reading, tally = Reading(layout), Tally(book, asked.selection)
        _read(file, reading, tally, progress)
        size = file.size
    return SavingsReport(
        asked.path.name, size, asked, reading, report.build(tally, baseline), len(book.candidates), _price_sources()
    )


def _book(asked: Asked) -> PriceBook:
    known = set(Provider.objects.values_list("slug", flat=True))
    if unknown := sorted(set(asked.providers) - known):
        raise NothingToCompareWith(f"There is no provider {unknown[0]!r}. There are: {', '.join(sorted(known))}.")
    book = price_book.load(_alias(), asked.providers)
    if not book.candidates or not book.ladders:
        raise NothingToCompareWith(
            "There is no model with a price to compare with. Load the catalog and its prices first: "
            "manage.py optimizer setup"
        )
    return book


def _alias() -> Alias:
    """Ask the price library, which knows dated and other names of its models."""
    libraries = price_library.libraries()

    def alias(slug: str, name: str) -> str | None:
        library = libraries.get(slug)
        found = None if library is None else library.find(name)
        return None if found is None else found.name

    return alias


def _baseline(book: PriceBook, named: str | None) -> PricedModel | None:
    if named is None:
        return None
    found = book.named(named)
    if found is None:
        close = difflib.get_close_matches(named, [model.full_name for model in book.models], n=3, cutoff=0.4)
        near = ", ".join(close) or ", ".join(model.full_name for model in book.candidates[:3])
        raise UnknownModel(f"There is no model {named!r} in the catalog. There are, for example: {near}.")
    return found


def _read(file: LogFile, reading: Reading, tally: Tally, progress: Progress) -> None:
    read, line = reading.layout.format.read, 1
    try:
        for line, row in formats.rows(reading.layout, file.pieces(), file.chunks()):
            reading.rows += 1
            if reading.rows % _ROWS_PER_STEP == 0:
                progress(file.position)
            if isinstance(row, Unreadable):
                reading.note(line, str(row))
                continue
            try:
                usage = read(row)
            except Unreadable as error:
                reading.note(line, str(error))
                continue
            if usage is None:
                reading.empty += 1
            else:
                tally.add(usage)
    except Broken as error:
        reading.broken = (error.line, str(error))
    except BrokenOff as error:
        reading.broken = (line, f"the file cannot be read on: {error}")


def _price_sources() -> tuple[str, ...]:
    found = Counter(ModelPrice.objects.values_list("source_version", flat=True))
    return tuple(name for name, _ in found.most_common(3) if name)
