"""One line of a file of evaluation outcomes: what it may hold, and what is wrong with it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from routing.domain.pricing import to_nano_usd

REQUIRED = ("prompt", "model", "quality", "cost")
OPTIONAL = ("task", "output_tokens")
# Other names under which public data sets keep the same thing.
ALIASES = {"cost_usd": "cost"}

MAX_PROMPT_CHARACTERS = 100_000
MAX_MODEL_CHARACTERS = 200
MAX_TASK_CHARACTERS = 64
MAX_COST_USD = 1_000_000
MAX_OUTPUT_TOKENS = 10_000_000

_MAX_NUMBER_CHARACTERS = 64
# What float and Decimal take beyond this, such as "1_000" and "Infinity", is a mistake in such a file.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


class InvalidRow(ValueError):
    """The row is no outcome; the message names the column, what it holds and what it may hold."""


class InvalidHeader(ValueError):
    """The columns of the file are not those of outcomes."""


@dataclass(frozen=True, slots=True)
class ImportedOutcome:
    """How one model did on one prompt: quality in [0, 1]; a cost or length of None is unknown, never zero."""

    prompt: str
    model: str
    quality: float
    cost_nano_usd: int | None
    task: str | None
    output_tokens: int | None


def check_columns(found: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that are not read, in order.

    Raises:
        InvalidHeader: A required column is missing, or one is there twice.
    """
    given = list(found)
    names = [ALIASES.get(name, name) for name in given]
    missing = [name for name in REQUIRED if name not in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if missing or twice:
        shown = ", ".join(name[:40] for name in given[:20])
        problem = f"lacks {', '.join(missing)}" if missing else f"names {', '.join(twice)[:200]} more than once"
        raise InvalidHeader(
            f"The header {problem}. Found: {shown!r}. "
            f"Expected: {', '.join(REQUIRED)}, optionally {', '.join(OPTIONAL)}."
        )
    return tuple(name for name in given if ALIASES.get(name, name) not in (*REQUIRED, *OPTIONAL))


def parse(values: Mapping[str, object]) -> ImportedOutcome:
    """Read one row: texts as CSV has them, or numbers as JSON has them.

    Costs are rounded half up to a nano-dollar, the unit of the ledger.

    Raises:
        InvalidRow: A value is missing, of the wrong kind or out of range.
    """
    named = {ALIASES.get(name, name): value for name, value in values.items()}
    return ImportedOutcome(
        prompt=_prompt(named.get("prompt")),
        model=_label(named.get("model"), "model", MAX_MODEL_CHARACTERS),
        quality=_quality(named.get("quality")),
        cost_nano_usd=_cost(named.get("cost")),
        task=None if _is_empty(named.get("task")) else _label(named["task"], "task", MAX_TASK_CHARACTERS),
        output_tokens=_output_tokens(named.get("output_tokens")),
    )


def _prompt(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRow("prompt is empty, or no text.")
    if len(value) > MAX_PROMPT_CHARACTERS:
        raise InvalidRow(f"prompt has {len(value)} characters: at most {MAX_PROMPT_CHARACTERS} are taken.")
    if "\x00" in value or _SURROGATE.search(value):
        raise InvalidRow("prompt holds the character NUL, or bytes that are not UTF-8.")
    return value


def _label(value: object, name: str, limit: int) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > limit or _UNPRINTABLE.search(text) or _SURROGATE.search(text):
        raise InvalidRow(f"{name} must be 1 to {limit} printable characters.")
    return text


def _quality(value: object) -> float:
    number = _number(value)
    if number is None or not 0 <= number <= 1:
        raise InvalidRow(f"quality is {_shown(value)}: it must be a number from 0 to 1.")
    return float(number)


def _cost(value: object) -> int | None:
    if _is_empty(value):
        return None
    number = _number(value)
    if number is None or not 0 <= number <= MAX_COST_USD:
        raise InvalidRow(
            f"cost is {_shown(value)}: it must be US dollars from 0 to {MAX_COST_USD}, or empty where it is not known."
        )
    return to_nano_usd(number)


def _output_tokens(value: object) -> int | None:
    if _is_empty(value):
        return None
    number = _number(value)
    if number is None or number != number.to_integral_value() or not 0 <= number <= MAX_OUTPUT_TOKENS:
        raise InvalidRow(f"output_tokens is {_shown(value)}: it must be a whole number up to {MAX_OUTPUT_TOKENS}.")
    return int(number)


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    text = str(value).strip()
    if len(text) > _MAX_NUMBER_CHARACTERS or not _NUMBER.fullmatch(text):
        return None
    return Decimal(text)


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _shown(value: object) -> str:
    return "missing" if _is_empty(value) else ascii(value if isinstance(value, str) else str(value))[:40]
