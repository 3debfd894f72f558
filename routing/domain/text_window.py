"""A bounded view of a text, so that what is computed from it costs the same for 20 kB as for 20 MB."""

HEAD_CHARACTERS = 12_000
TAIL_CHARACTERS = 4_000


def window(text: str, head: int = HEAD_CHARACTERS, tail: int = TAIL_CHARACTERS) -> str:
    """Return the text itself, or its first ``head`` and last ``tail`` characters when it is longer than both.

    People put the instruction before or after the material it is about, so the middle is what can be spared.
    """
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}\n{text[-tail:]}"
