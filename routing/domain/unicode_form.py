"""Unicode normalization in linear time."""

import unicodedata

# Python sorts each run of combining marks in quadratic time: 20,000 marks cost more than a second. Thirty is the
# longest run that Unicode's stream-safe text format (UAX 15, section 13) allows, and more than any language uses.
LONGEST_RUN = 30


def nfc(text: str) -> str:
    """Compose a text to Unicode NFC; one with a run of over 30 combining marks is returned as it is."""
    if text.isascii() or _has_long_run(text):
        return text
    return unicodedata.normalize("NFC", text)


def _has_long_run(text: str) -> bool:
    # A run of 31 marks covers a position divisible by 31, so the other positions matter only around a mark there.
    step = LONGEST_RUN + 1
    return any(
        unicodedata.combining(character) and _run_around(text, index * step) > LONGEST_RUN
        for index, character in enumerate(text[::step])
    )


def _run_around(text: str, position: int) -> int:
    """Measure the run of combining marks that covers a position, up to 31 marks to either side."""
    before = text[max(0, position - LONGEST_RUN) : position]
    after = text[position : position + LONGEST_RUN + 1]
    return _leading_marks(before[::-1]) + _leading_marks(after)


def _leading_marks(text: str) -> int:
    return next((index for index, character in enumerate(text) if not unicodedata.combining(character)), len(text))
