"""Reads single values of a log, whether they came from JSON or as text from CSV, and trusts none of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

import orjson

from insights.domain.usage_logs.record import FEMTO_PER_USD, Unreadable

Record = Mapping[str, Any]

# A day of the largest organizations stays far below; what is beyond is no count of tokens.
_MOST_TOKENS = 10**15
_MOST_USD = 10**9
_FIRST_YEAR, _LAST_YEAR = 2015, 2100
# Moments in Unix time beyond this are milliseconds: as seconds they would be after the year 5000.
_MILLISECONDS_FROM = 10**11
_LONGEST_NAME = 200
_LONGEST_SHOWN = 40
_EXACT = Context(prec=60)


def text(record: Record, name: str) -> str:
    """Return the text of a cell without control characters, cut to 200 characters; empty where there is none."""
    value = record.get(name)
    if value is None:
        return ""
    whole = value if isinstance(value, str) else str(value)
    cut = whole[:_LONGEST_NAME].strip()
    return cut if cut.isprintable() else "".join(each for each in cut if each.isprintable())


def count(record: Record, name: str) -> int:
    """Return a whole number, 0 where the cell is empty.

    Raises:
        Unreadable: It is negative, no whole number, or beyond every count of tokens.
    """
    value = record.get(name)
    if type(value) is int and 0 <= value <= _MOST_TOKENS:
        return value
    if value is None or value == "":
        return 0
    number = _number(value, name)
    # The size is asked first: turning 1E+999999 into an integer would take all memory.
    if number > _MOST_TOKENS:
        raise Unreadable(f"{name} is {_shown(value)}: more than {_MOST_TOKENS:.0e}")
    if number != int(number):
        raise Unreadable(f"{name} is {_shown(value)}, not a whole number")
    return int(number)


def money(record: Record, name: str) -> int | None:
    """Return US dollars as femto-dollars, None where the cell is empty.

    Raises:
        Unreadable: It is negative, not a number, or a billion dollars and more.
    """
    value = record.get(name)
    if value is None or value == "":
        return None
    number = _number(value, name)
    if number >= _MOST_USD:
        raise Unreadable(f"{name} is {_shown(value)}: a billion dollars or more in one row")
    return int(_EXACT.multiply(number, Decimal(FEMTO_PER_USD)).to_integral_value(ROUND_HALF_UP, _EXACT))


def moment(record: Record, *names: str) -> datetime:
    """Return the first of these cells that is not empty as a moment in UTC; one without an offset is taken as UTC.

    Raises:
        Unreadable: All are empty, or it is no moment between 2015 and 2100.
    """
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            found = _moment(value, name)
            if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
                raise Unreadable(f"{name} is {_shown(value)}: before {_FIRST_YEAR} or after {_LAST_YEAR}")
            return found
    raise Unreadable(f"{names[0]} is empty")


def document(record: Record, name: str) -> dict[str, Any]:
    """Return a cell that holds a JSON object, as such or as text; empty where it does not."""
    value = record.get(name)
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value if isinstance(value, dict) else {}


def is_true(record: Record, name: str) -> bool:
    """Tell whether a cell says yes, in the spellings of Python, JSON, PostgreSQL and spreadsheets."""
    value = record.get(name)
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "t", "1", "yes"))


def _number(value: object, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Unreadable(f"{name} is {_shown(value)}, not a number")
    try:
        # The shortest text of a float is what the log wrote; its binary value is not.
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise Unreadable(f"{name} is {_shown(value)}, not a number") from None
    if not number.is_finite():
        raise Unreadable(f"{name} is {_shown(value)}, not a number")
    if number < 0:
        raise Unreadable(f"{name} is negative: {_shown(value)}")
    return number


def _moment(value: object, name: str) -> datetime:
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
            found = datetime.fromisoformat(value.strip())
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        seconds = float(_number(value, name))
        return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable(f"{name} is {_shown(value)}, not a date") from None


def _shown(value: object) -> str:
    # What is shown stays short, whatever the cell holds.
    whole = "an object" if isinstance(value, dict | list) else str(value)
    return ascii(whole[:_LONGEST_SHOWN]) + ("…" if len(whole) > _LONGEST_SHOWN else "")
