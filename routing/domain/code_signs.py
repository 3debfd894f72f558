"""Signs of program code in a text: fences and lines that no prose contains."""

FENCE = "```"
_OPENINGS = (
    "def ",
    "async def ",
    "class ",
    "function ",
    "const ",
    "let ",
    "var ",
    "public ",
    "private ",
    "static ",
    "fn ",
    "func ",
    "if (",
    "for (",
    "while (",
    "SELECT ",
    "INSERT ",
)
_OPENINGS_NEVER_IN_PROSE = ("#include", "#!/", "<?php", "import {", "package main")
_ENDINGS = (";", "{", "}", "):", ");")
# An opening such as "class " also begins sentences; one of these in the same line settles it.
_PUNCTUATION_OF_CODE = ("(", "{", "=", ";", " FROM ", " INTO ")


def has_fence(text: str) -> bool:
    """Tell whether the text contains a Markdown code fence."""
    return FENCE in text


def code_lines(text: str) -> int:
    """Count lines that look like source code; linear in the length of the text."""
    return sum(_is_code(line.strip()) for line in text.splitlines())


def _is_code(line: str) -> bool:
    if line.endswith(_ENDINGS) or line.startswith(_OPENINGS_NEVER_IN_PROSE):
        return True
    return line.startswith(_OPENINGS) and any(sign in line for sign in _PUNCTUATION_OF_CODE)
