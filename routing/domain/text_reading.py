"""What pattern and complexity both need of a text, found once."""

import re

import msgspec

from routing.domain import code_signs
from routing.domain.text_window import window

_WORD = re.compile(r"\w+")
# The same in ASCII, which can be cut at spaces in a quarter of the time once all else between words is one.
_TO_SPACES = {code: " " for code in range(128) if not _WORD.match(chr(code))}


class TextReading(msgspec.Struct, frozen=True):
    """A bounded view of a text with its case-folded words in order; ``length`` is of the whole text."""

    length: int
    view: str
    words: list[str]
    has_fence: bool
    code_lines: int


def read(text: str) -> TextReading:
    """Read a text; linear in a bounded window of it."""
    view = window(text)
    return TextReading(
        length=len(text),
        view=view,
        words=_words(view.casefold()),
        has_fence=code_signs.has_fence(view),
        code_lines=code_signs.code_lines(view),
    )


def _words(view: str) -> list[str]:
    return view.translate(_TO_SPACES).split() if view.isascii() else _WORD.findall(view)
