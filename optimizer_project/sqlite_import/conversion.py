"""Values of SQLite as the text of PostgreSQL's COPY, and what of that text two equal values have in common.

SQLite takes any value in any column; PostgreSQL does not. What has another form there is converted, what has a
character that PostgreSQL cannot hold gets U+FFFD in its place and is reported, and all else is refused.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.db import models

NULL = r"\N"
"""How COPY writes a missing value."""

Convert = Callable[[Any], str]
Canonical = Callable[[str], str]

# What COPY writes escaped; it would read some of them raw as well, but both sides of a comparison must be alike.
_COPY_ESCAPES = {
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}
_ESCAPED = re.compile(r"[\\\b\f\n\r\t\v]")
_COPY_TEXTS = {text: character for character, text in _COPY_ESCAPES.items()}
_COPY_TEXT = re.compile(r"\\[\\bfnrtv]")
# NUL and half a surrogate pair are no text to PostgreSQL.
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_MAY_BE_UNFIT_JSON = re.compile("[\x00\ud800-\udfff]|\\\\u(?:0000|[dD][89a-fA-F])")
_HEX_UUID = re.compile("[0-9a-f]{32}")
_JSON_TEXTS_REMEMBERED = 4096


class Unconvertible(Exception):
    """A value that PostgreSQL cannot hold in its column; the message says what it is."""


@dataclass
class Repairs:
    """Columns of the current row in which a character was replaced."""

    columns: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Column:
    """A column, how its values are converted, and what is compared of its converted values afterwards."""

    name: str
    convert: Convert
    canonical: Canonical | None = None


def column_of(model_field: "models.Field[Any, Any]", repairs: Repairs) -> Column:
    """Return how the field's column is converted; raises LookupError for a kind of field that is not known."""
    name = str(model_field.column)
    target: models.Field[Any, Any] = model_field
    while isinstance(target, models.ForeignKey):
        target = target.target_field
    kind = target.get_internal_type()
    if kind in _INTEGERS:
        return Column(name, _integer(*_INTEGERS[kind]))
    if kind in _TEXTS:
        return Column(name, _text(name, getattr(target, "max_length", None), repairs))
    if isinstance(target, models.DecimalField):
        return Column(name, _decimal(target))
    if kind == "JSONField":
        return Column(name, _json(name, repairs), canonical_json)
    if kind not in _OTHERS:
        raise LookupError(f"{model_field}: no conversion from SQLite is known for a {kind}")
    convert, canonical = _OTHERS[kind]
    return Column(name, convert, canonical)


def escape(text: str) -> str:
    """Return the text as COPY writes it."""
    return _ESCAPED.sub(lambda found: _COPY_ESCAPES[found[0]], text) if _ESCAPED.search(text) else text


def unescape(text: str) -> str:
    """Return what COPY has written as this."""
    return _COPY_TEXT.sub(lambda found: _COPY_TEXTS[found[0]], text) if "\\" in text else text


@lru_cache(_JSON_TEXTS_REMEMBERED)
def canonical_json(copied: str) -> str:
    """Return a text that is the same for all spellings of one JSON value: order of keys, blanks, 1.0 and 1, \\u0041."""
    return json.dumps(_parse(unescape(copied)), sort_keys=True, separators=(",", ":"))


def _integer(minimum: int, maximum: int) -> Convert:
    def convert(value: Any) -> str:
        if type(value) is not int or not minimum <= value <= maximum:
            raise Unconvertible(f"{_shown(value)} is no whole number from {minimum} to {maximum}")
        return str(value)

    return convert


def _text(name: str, max_length: int | None, repairs: Repairs) -> Convert:
    def convert(value: Any) -> str:
        text = value if type(value) is str else _as_text(value)
        if _UNFIT.search(text):
            text = _UNFIT.sub("\ufffd", text)
            repairs.columns.append(name)
        if max_length is not None and len(text) > max_length:
            raise Unconvertible(f"it has {len(text)} characters, and the column takes {max_length}")
        return escape(text)

    return convert


def _decimal(target: "models.DecimalField[Any, Any]") -> Convert:
    unit = Decimal(1).scaleb(-target.decimal_places)

    def convert(value: Any) -> str:
        try:
            # As Django reads it: SQLite keeps a floating point number, of which the field's digits are meant.
            number = Decimal(value) if type(value) is str else target.context.create_decimal_from_float(value)
            # Zero added makes one zero of two.
            return f"{number.quantize(unit, context=target.context) + 0:f}"
        except (InvalidOperation, TypeError, ValueError) as error:
            raise Unconvertible(f"{_shown(value)} is no number of {target.max_digits} digits") from error

    return convert


def _json(name: str, repairs: Repairs) -> Convert:
    def convert(value: Any) -> str:
        text = value if type(value) is str else _as_text(value)
        parsed = _parse(text)
        if _MAY_BE_UNFIT_JSON.search(text):
            cleaned = _clean(parsed)
            if cleaned != parsed:
                repairs.columns.append(name)
                text = json.dumps(cleaned)
        return escape(text)

    return convert


def _parse(text: str) -> Any:
    try:
        # strict=False: a raw control character in a string is for PostgreSQL to judge, and NUL is replaced.
        return json.loads(text, strict=False, parse_float=_number, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Unconvertible(f"{_shown(text)} is no JSON that PostgreSQL takes") from error


def _number(text: str) -> int | float:
    """Whole numbers become whole: PostgreSQL writes 1e3 as 1000, and 1e22 with all its digits."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large for a number that is read as floating point")
    return int(Decimal(text)) if number.is_integer() else number


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def _boolean(value: Any) -> str:
    if value not in (0, 1):
        raise Unconvertible(f"{_shown(value)} is neither true nor false")
    return "t" if value else "f"


def _float(value: Any) -> str:
    if not isinstance(value, (int, float)):
        raise Unconvertible(f"{_shown(value)} is no number")
    return repr(float(value))


def _moment(value: Any) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Unconvertible(f"{_shown(value)} is no date with time") from error
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    text = moment.isoformat(" ")
    return f"{text.rstrip('0') if moment.microsecond else text}+00"


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError) as error:
        raise Unconvertible(f"{_shown(value)} is no date") from error


def _uuid(value: Any) -> str:
    if type(value) is str and _HEX_UUID.fullmatch(value):
        return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"
    try:
        return str(UUID(value))
    except (AttributeError, TypeError, ValueError) as error:
        raise Unconvertible(f"{_shown(value)} is no UUID") from error


def _address(value: Any) -> str:
    try:
        return str(ip_address(value))
    except ValueError as error:
        raise Unconvertible(f"{_shown(value)} is no address") from error


def _bytes(value: Any) -> str:
    content = value if type(value) is bytes else _as_text(value).encode()
    return rf"\\x{content.hex()}"


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return decode(value)
    return str(value)


def decode(content: bytes) -> str:
    """Return the text of these bytes; half surrogate pairs stay, anything else that is no UTF-8 becomes U+FFFD."""
    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        # A half pair marks that something was lost here, so that the value is reported as one that was repaired.
        return content.decode("utf-8", "surrogateescape")


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_INTEGERS = {
    "SmallIntegerField": (-(2**15), 2**15 - 1),
    "PositiveSmallIntegerField": (0, 2**15 - 1),
    "IntegerField": (-(2**31), 2**31 - 1),
    "PositiveIntegerField": (0, 2**31 - 1),
    "AutoField": (-(2**31), 2**31 - 1),
    "SmallAutoField": (-(2**15), 2**15 - 1),
    "BigIntegerField": (-(2**63), 2**63 - 1),
    "PositiveBigIntegerField": (0, 2**63 - 1),
    "BigAutoField": (-(2**63), 2**63 - 1),
}
_TEXTS = {"CharField", "TextField", "SlugField", "EmailField", "URLField", "FileField"}
_OTHERS: dict[str, tuple[Convert, Canonical | None]] = {
    "BooleanField": (_boolean, None),
    # PostgreSQL and Python write some numbers differently, such as 1e+15.
    "FloatField": (_float, lambda copied: repr(float(copied))),
    "DateTimeField": (_moment, None),
    "DateField": (_date, None),
    "UUIDField": (_uuid, None),
    "BinaryField": (_bytes, None),
    "GenericIPAddressField": (_address, _address),
}
