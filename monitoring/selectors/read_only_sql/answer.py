"""What a statement of staff may ask for, and how much of the answer is read."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS = 10
MOST_COLUMNS = 200
# Of one value; longer ones are cut.
MOST_CHARACTERS = 10_000
# Of all values together, so that a page or a file never takes more memory than this says.
MOST_BYTES = 20_000_000
MOST_STATEMENT_CHARACTERS = 20_000
# Whoever reads these could take over a session that is logged in, or make another's codes.
WITHHELD_TABLES = frozenset(
    {"django_session", "otp_totp_totpdevice", "otp_static_statictoken", "otp_static_staticdevice"}
)

_UNICODE_ESCAPE = re.compile(r"\bu&\s*['\"]", re.IGNORECASE)
_WORD = re.compile(r"[a-z_][a-z0-9_$]*")


class StatementRefused(Exception):
    """The statement is not run, or was stopped; the message says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """Rows as the database wrote them; ``is_cut`` when there are more than were asked for."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    is_cut: bool
    seconds: float


def checked(statement: str) -> str:
    """Return the statement without its last semicolon.

    A text without any other semicolon holds one statement, however it is read: nothing is parsed here that the
    database might read differently.

    Raises:
        StatementRefused: It is empty, too long, or might be several; or it hides names behind escapes.
    """
    text = statement.strip().removesuffix(";").rstrip()
    if not text:
        raise StatementRefused("Write a SELECT.")
    if len(text) > MOST_STATEMENT_CHARACTERS:
        raise StatementRefused(f"The statement is longer than {MOST_STATEMENT_CHARACTERS:,} characters.")
    if "\0" in text:
        raise StatementRefused("The statement holds a NUL character.")
    if ";" in text:
        raise StatementRefused("One statement only, and no semicolon inside a text: write chr(59) there.")
    if _UNICODE_ESCAPE.search(text):
        raise StatementRefused("Names and texts with Unicode escapes (U&) are not taken: write the characters.")
    withheld = words(text) & WITHHELD_TABLES
    if withheld:
        raise StatementRefused(f"{min(withheld)} holds what a session or a code could be made from.")
    return text


def words(statement: str) -> set[str]:
    """Return every word of a statement in small letters, also those inside quotes and comments."""
    return set(_WORD.findall(statement.lower()))


class Budget:
    """Adds up what was read of an answer, and how long it has taken."""

    def __init__(self, *, seconds: float = SECONDS, most_bytes: int = MOST_BYTES) -> None:
        self._started = time.monotonic()
        self._seconds = seconds
        self._bytes_left = most_bytes

    @property
    def seconds_taken(self) -> float:
        return time.monotonic() - self._started

    @property
    def seconds_left(self) -> float:
        return self._seconds - self.seconds_taken

    def take(self, row: Sequence[object]) -> bool:
        """Note a row; False when it is more than there is room for."""
        self._bytes_left -= sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        return self._bytes_left >= 0
